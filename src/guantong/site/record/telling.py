"""How acts and uses are told: the columns of lists and exports, and the facets beside them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import QueryDict
from django.utils.translation import gettext, pgettext

from guantong.journal.queries import Found, Tally
from guantong.kit import clock
from guantong.site.names import Names
from guantong.site.words import word

Column = Callable[[Found], str | int | None]


def _of_use(name: str) -> Column:
    return lambda row: getattr(row.use, name) if row.use else ""


def _of_act(name: str) -> Column:
    return lambda row: getattr(row.act, name) if row.act else ""


def _organisation(row: Found) -> str:
    return row.act.actor_organisation if row.act else row.use.consumer_organisation if row.use else ""


def _subject(row: Found) -> str:
    return f"{row.act.subject_kind} {row.act.subject_id}" if row.act else _of_use("resource")(row) or ""  # type: ignore[return-value]


def _record(row: Found) -> str:
    return row.act.record_digest if row.act else row.use.digest if row.use else ""


USES: Final[Mapping[str, Column]] = {
    "at": lambda row: clock.rfc3339(row.at),
    "call": _of_use("call"),
    "role": _of_use("role"),
    "consumer": _of_use("consumer_organisation"),
    "application": _of_use("consumer_application"),
    "provider": _of_use("provider_organisation"),
    "resource": _of_use("resource"),
    "fields": lambda row: "、".join(row.use.fields) if row.use else "",
    "grant": _of_use("grant"),
    "purpose": _of_use("purpose"),
    "case": _of_use("case"),
    "mode": _of_use("mode"),
    "decision": _of_use("decision"),
    "reason": _of_use("reason"),
    "chain": _of_use("chain"),
    "number": _of_use("number"),
    "digest": _of_use("digest"),
}

ACTS_AND_USES: Final[Mapping[str, Column]] = {
    "at": lambda row: clock.rfc3339(row.at),
    "kind": lambda row: row.kind,
    "act": _of_act("act"),
    "by": _of_act("actor_name"),
    "organisation": _organisation,
    "subject": _subject,
    "record": _record,
    **{name: column for name, column in USES.items() if name not in {"at", "digest"}},
}


def facets(tally: Tally, query: QueryDict) -> list[dict[str, Any]]:
    """Counts by value, each a link that narrows the search to it, or lets go of it."""
    names = Names()
    told: dict[str, tuple[str, str, Callable[[str], str]]] = {
        "decision": ("decision", pgettext("receipt", "Decision"), lambda code: word("decision", code)),
        "mode": ("mode", gettext("Mode"), lambda code: word("mode", code)),
        "resource": ("resource", gettext("What"), names.resource),
        "consumer_organisation": ("organisation", gettext("Who used"), names.organisation),
        "purpose": ("purpose", gettext("For what"), names.purpose),
        "act": ("act", gettext("Act"), lambda code: word("act", code)),
    }
    found = []
    for name, (parameter, title, in_words) in told.items():
        values = [
            {
                "word": in_words(value),
                "count": number,
                "is_chosen": query.get(parameter) == value,
                "query": _with(query, parameter, value),
            }
            for value, number in tally.facets.get(name, [])
        ]
        if len(values) > 1 or any(value["is_chosen"] for value in values):
            chosen = next((value["word"] for value in values if value["is_chosen"]), "")
            found.append({"name": name, "title": title, "counts": values, "chosen": chosen})
    return found


def _with(query: QueryDict, name: str, value: str) -> str:
    changed = query.copy()
    if changed.get(name) == value:
        changed.pop(name)
    else:
        changed[name] = value
    return changed.urlencode()
