"""查证: whether the receipts of a grant are complete, for the auditor and the officers of both parties."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from guantong.evidence.chains import Flaw
from guantong.evidence.keysets import KeySet
from guantong.evidence.parcels import Dropped, verify_all
from guantong.federation.keyset import keyset_folder
from guantong.identity.models import Person
from guantong.identity.queries import actor, demand, may
from guantong.journal.actions import note_chains
from guantong.journal.completeness import Call, Chain, calls_of, chains_of, ends_of, one_sided
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language
from guantong.pages.filters import chosen, moments
from guantong.pages.lists import answer_list
from guantong.sharing.models import Grant
from guantong.sharing.queries import visible_grants
from guantong.site.node import node_settings
from guantong.site.views.verifying import MOST_UNPACKED

WIDTH = 720
THINNEST = 4
MOST_CALLS = 100_000
"""Calls of each side that are compared: the newest."""
MOST_SHOWN = 200


class OtherSideUnfit(GuantongError):
    """A file that is not the other side's signed export of this grant's receipts."""

    code = "other_side_unfit"
    status = 422
    zh = "这不是对方节点签名导出的本授权凭证：{why_zh}"
    en = "This is not the other node's signed export of this grant's receipts: {why_en}"


@require_http_methods(["GET", "POST"])
@login_required
def grant_receipts(request: HttpRequest, code: str) -> HttpResponse:
    """The receipts of a grant by chain: what is there, what is missing; a file of the other side's is compared with ours."""
    person = demand(request.user, "receipt:read")
    grant = get_object_or_404(_grants(person), code=code)
    note_chains(grant.code, by=actor(person), at=clock.now())
    picked = chosen(request, ("since", "until"))
    since, until = moments(**picked)
    ends = ends_of(node_settings().spool_folder, grant.code)
    chains = chains_of(grant.code, ends, since=since, until=until)
    context: dict[str, Any] = {
        "grant": grant,
        "chosen": picked,
        "strips": [
            {"chain": chain, "parts": _strip(chain), "sentences": _sentences(chain)} for chain in chains
        ],
        "width": WIDTH,
        "present": sum(chain.present for chain in chains),
        "missing": sum(chain.missing for chain in chains),
        "broken": sum(flaw.kind != "missing" for chain in chains for flaw in chain.flaws),
        "is_local": grant.provider_node == grant.consumer_node,
        "own_side": _side(grant),
    }
    if request.method == "POST":
        try:
            context |= _compared(request, grant)
        except GuantongError as fault:
            context["refusal"] = fault.sentence(language())
    return answer_list(
        request,
        chains,
        template="site/grant_receipts.html",
        columns={
            "chain": lambda chain: chain.name,
            "roles": lambda chain: " ".join(chain.roles),
            "present": lambda chain: chain.present,
            "last": lambda chain: chain.last,
            "missing": lambda chain: chain.missing,
            "missing_numbers": lambda chain: _numbers(chain, "missing"),
            "broken_numbers": lambda chain: _numbers(chain, "broken"),
            "repeated_numbers": lambda chain: _numbers(chain, "repeated"),
            "since": lambda chain: clock.rfc3339(chain.since) if chain.since else "",
            "until": lambda chain: clock.rfc3339(chain.until) if chain.until else "",
        },
        context=context,
    )


def _grants(person: Person) -> Any:
    """The grants whose receipts somebody may look through: an auditor all, others those of which they are a party."""
    rows = visible_grants(person)
    if may(person, "receipt:audit"):
        return rows
    own = person.organisation.code if person.organisation else "-"
    return rows.filter(consumer=own) | rows.filter(provider=own)


def _side(grant: Grant) -> str:
    own = node_settings().node
    return {grant.provider_node: "provider", grant.consumer_node: "consumer"}.get(own, "relay")


def _numbers(chain: Chain, kind: str) -> str:
    found = [flaw for flaw in chain.flaws if flaw.kind == kind]
    return " ".join(str(f.first) if f.first == f.last else f"{f.first}-{f.last}" for f in found)


def _sentences(chain: Chain) -> list[str]:
    return [flaw.sentence(language()) for flaw in chain.flaws]


def _strip(chain: Chain) -> list[dict[str, Any]]:
    """The parts of a chain that are not in order, as they stand on a strip of :data:`WIDTH`; thin ones are made visible."""

    def part(flaw: Flaw) -> dict[str, Any]:
        start = (flaw.first - 1) / max(chain.last, 1) * WIDTH
        wide = max(THINNEST, (flaw.last - flaw.first + 1) / max(chain.last, 1) * WIDTH)
        return {
            "x": round(min(start, WIDTH - THINNEST), 1),
            "width": round(min(wide, WIDTH), 1),
            "kind": flaw.kind,
        }

    return [part(flaw) for flaw in chain.flaws]


def _compared(request: HttpRequest, grant: Grant) -> dict[str, Any]:
    """Our calls of the grant against those in the other side's signed export."""
    file = request.FILES.get("other")
    if file is None or file.file is None:
        raise OtherSideUnfit(why_zh="没有选择文件。", why_en="no file was chosen.")
    verdicts = list(
        verify_all(
            [Dropped(file.name or "?", file.file)],
            KeySet.load(keyset_folder(node_settings())),
            most=MOST_UNPACKED,
        )
    )
    _, verdict = verdicts[0] if verdicts else ("", None)
    if verdict is None or len(verdicts) != 1 or verdict.facts.get("form") != "export" or not verdict.ok:
        faults = verdict.faults if verdict else []
        raise OtherSideUnfit(
            why_zh="".join(fault.zh for fault in faults) or "应为一个签名导出（zip）。",
            why_en=" ".join(fault.en for fault in faults) or "one signed export (zip) is wanted.",
        )
    other = {grant.provider_node, grant.consumer_node} - {node_settings().node}
    if verdict.facts["body"].get("node") not in other:
        raise OtherSideUnfit(
            why_zh="它出自另一节点。", why_en="it comes from another node than the other party's."
        )
    try:
        theirs = {call.call: call for call in _their_calls(file.file, grant.code)}
    except (ValueError, AttributeError):
        raise OtherSideUnfit(why_zh="内容无法读取。", why_en="its rows cannot be read.") from None
    ours = calls_of(grant.code, most=MOST_CALLS)
    only_ours, only_theirs = one_sided(ours, theirs)
    return {
        "compared_with": verdict.facts["body"],
        "both": len(ours.keys() & theirs.keys()),
        "only_ours": only_ours[:MOST_SHOWN],
        "only_theirs": only_theirs[:MOST_SHOWN],
        "count_ours": len(only_ours),
        "count_theirs": len(only_theirs),
    }


def _their_calls(file: Any, grant: str) -> Iterator[Call]:
    with zipfile.ZipFile(file) as archive:
        if "rows.jsonl" not in archive.namelist():
            raise OtherSideUnfit(why_zh="请导出为 JSON Lines。", why_en="export it as JSON Lines.")
        with archive.open("rows.jsonl") as rows:
            for number, line in enumerate(io.TextIOWrapper(rows, encoding="utf-8")):
                row = json.loads(line)
                if number >= MOST_CALLS:
                    return
                if row.get("grant") == grant and row.get("call"):
                    yield Call(
                        *(str(row.get(name, "")) for name in ("call", "role", "decision", "reason", "at"))
                    )
