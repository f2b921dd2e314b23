"""Finding needs by who has to act, what is late at this node, and what cites a regulation or a parameter."""

from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from guantong.catalog.models import LinkHealth, Need, Regulation, Resource, Revision, Yield
from guantong.catalog.queries import live_versions
from guantong.identity.models import Organisation
from guantong.identity.queries import bureaus


def entries_citing(regulation: Regulation) -> QuerySet[Resource]:
    """The live entries whose law for not sharing names a regulation by its title or a short title."""
    names = {regulation.title, regulation.title.removeprefix("中华人民共和国"), *regulation.short_titles}
    any_of = Q()
    for name in names:
        any_of |= Q(content__sharing_basis__icontains=f"《{name}》")
    versions = live_versions().filter(any_of, resource__sharing_type="not_shared")
    return Resource.objects.filter(pk__in=versions.values("resource")).select_related("provider")


def parameter(name: str, *, on: date) -> str | None:
    """The value of a parameter that was in force on a day, or None: before its first value, or no such parameter."""
    revisions = Revision.objects.filter(kind="parameter", identifier=name).order_by("-number")
    for each in revisions:
        if each.content.get("valid_from", "") <= on.isoformat():
            return None if each.act == "retired" else str(each.content["value"])
    return None


@dataclass(frozen=True)
class LateLine:
    """Something that should have been done before today: which kind, whose, since when."""

    kind: str
    organisation: str
    name: str
    code: str
    due_on: date
    days: int
    url: str = ""


MOST_LATE = 5000


def late_lines(*, organisation: str = "", words: str = "") -> list[LateLine]:
    """What is late at this node: drafts and reviews, updates by the cycle, needs, data not catalogued. Oldest first.

    Of needs it is ``organisation`` (a code, or a part of a name) that has to act. Updates of entries whose link is
    watched are that watch's matter.
    """
    today = timezone.localdate()
    mine = Resource.objects.filter(_whose("provider", organisation), node=settings.NODE.node)
    mine = mine.select_related("provider")
    lines = [
        _late(
            "draft" if row.state not in {"submitted", "reviewed"} else row.state,
            row.provider,
            row,
            row.due_on,
        )
        for row in mine.filter(due_on__lt=today, draft__isnull=False).order_by("due_on")[:MOST_LATE]
    ]
    stale = _unmeasured(mine.filter(stale_on__lt=today, is_live=True)).order_by("stale_on")
    lines += [_late("update", row.provider, row, row.stale_on) for row in stale[:MOST_LATE]]
    needs = Need.objects.filter(_whose("provider", organisation), due_on__lt=today)
    for need in needs.select_related("provider").order_by("due_on")[:MOST_LATE]:
        lines.append(_line("need", need.provider, need.wanted, str(need.pk), need.due_on))
    yields = Yield.objects.filter(_whose("organisation", organisation), due_on__lt=today, resource=None)
    for made in yields.select_related("organisation").order_by("due_on")[:MOST_LATE]:
        lines.append(_line("yield", made.organisation, made.name, made.item_code, made.due_on))
    wanted = words.split()[:5]
    found = [line for line in lines if all(word in f"{line.name} {line.code}" for word in wanted)]
    return sorted(found, key=lambda line: (line.due_on, line.kind, line.code))


def _whose(field: str, organisation: str) -> Q:
    if not organisation:
        return Q()
    return Q(**{f"{field}__name__icontains": organisation}) | Q(**{f"{field}__code": organisation})


def _unmeasured(rows: QuerySet[Resource]) -> QuerySet[Resource]:
    """Of ``rows``, those whose link tells nobody how old the data is."""
    return rows.exclude(pk__in=LinkHealth.objects.filter(newest_at__isnull=False).values("link__resource"))


def _line(kind: str, whose: Organisation | None, name: str, code: str, day: date | None) -> LateLine:
    due_on = day or timezone.localdate()
    days = (timezone.localdate() - due_on).days
    return LateLine(kind, whose.name if whose else "", name, code, due_on, days)


def _late(kind: str, provider: Organisation, row: Resource, day: date | None) -> LateLine:
    return _line(kind, provider, row.name, row.code, day)


def stale_of(provider: int) -> QuerySet[Resource]:
    """The department's live entries whose data should have been updated before today, as far as nobody measures it."""
    rows = Resource.objects.filter(provider=provider, is_live=True, stale_on__lt=timezone.localdate())
    return _unmeasured(rows).order_by("stale_on")


def needs_to_answer(organisation: int) -> QuerySet[Need]:
    """The needs that an organisation (by its key) was asked to meet and has not answered, or has promised till before today."""
    late = Q(state=Need.State.PROMISED, due_on__lt=timezone.localdate())
    rows = Need.objects.filter(Q(state=Need.State.ROUTED) | late, provider=organisation)
    return rows.select_related("organisation", "provider").order_by("due_on", "pk")


def needs_to_judge(organisation: int) -> QuerySet[Need]:
    """The needs of an organisation for which an entry was found that may fit: it says whether it does."""
    rows = Need.objects.filter(organisation=organisation, state=Need.State.MATCHED)
    return rows.select_related("organisation", "resource").order_by("due_on", "pk")


def needs_to_send(reviewer: Organisation | None) -> QuerySet[Need]:
    """What a bureau sends on: needs of its node with nobody to ask, declined ones, and those let lie beyond their day."""
    if reviewer is None or reviewer.code not in bureaus(reviewer.node):
        return Need.objects.none()
    is_stuck = Q(state__in=[Need.State.OPEN, Need.State.DECLINED]) | Q(escalated_at__isnull=False)
    rows = Need.objects.filter(is_stuck, organisation__node=reviewer.node).exclude(
        state__in=["met", "dropped"]
    )
    return rows.select_related("organisation", "provider").order_by("due_on", "pk")


def needed_by(resource: int) -> list[str]:
    """Which service items need an entry (by key) that is not shared."""
    rows = Need.objects.filter(resource=resource, state="barred").select_related("organisation")
    return [f"{each.organisation.name} {each.service_item}".strip() for each in rows[:20]]
