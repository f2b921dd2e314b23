"""What is judged, by which rules, and what comes of it. Values alone: no database is known here."""

from typing import Annotated, Any, Literal

import msgspec

Scope = Literal["grant", "application", "organisation", "subject"]
"""Whose use is added up: a grant's, an application's (organisation/application), an organisation's; or the look-ups of
one person, by pseudonym."""
Window = Literal["hour", "day", "week"]
"""A clock hour or a calendar day of China Standard Time, or seven days up to one."""
Severity = Literal["low", "medium", "high"]
Metric = Literal["calls", "rows", "known"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")

Count = Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]
Percent = Annotated[int, msgspec.Meta(ge=1, le=100)]
Days = Annotated[int, msgspec.Meta(ge=1, le=60)]
Times = Annotated[float, msgspec.Meta(ge=1, le=1000)]
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Code = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{1,39}$")]


class Fact(msgspec.Struct, frozen=True):
    """Of a receipt, what rules look at. ``at`` is in seconds since 1970; ``steps`` see :mod:`guantong.gateway.steps`;
    ``is_lookup``: a query or verification, no batch.

    ``grant`` is empty where the gateway did not know it, ``application`` where nobody could be named.
    """

    at: int
    grant: str
    application: str
    organisation: str
    resource: str
    is_allowed: bool
    reason: str = ""
    rows: int = 0
    is_lookup: bool = True
    fields: tuple[str, ...] = ()
    case: str = ""
    subject: str = ""
    steps: int = 0


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words in both languages; braces name the numbers of a signal."""

    zh: Text
    en: Text


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """规则: what every rule declares. ``is_on`` false: kept, and not judged by."""

    code: Code
    name: Said
    says: Said
    severity: Severity
    scope: Scope = "grant"
    is_on: bool = True


class Volume(Rule, frozen=True, tag="volume"):
    """More than ``floor`` and more than ``times`` the usual of such an hour, day or week.

    ``new_floor`` instead, as long as there is too little history.
    """

    metric: Metric
    window: Window
    floor: Count
    times: Times
    new_floor: Count


class Share(Rule, frozen=True, tag="share"):
    """A part of the calls is far larger than usual: ``floor`` calls beyond what was to be expected, ``times`` the
    usual share, ``percent`` at least, and beyond what chance explains. ``new_percent`` while there is no history.
    """

    part: Literal["missed", "plain", "refused"]
    window: Window
    floor: Count
    percent: Percent
    times: Times
    new_percent: Percent


class OddHours(Rule, frozen=True, tag="odd_hours"):
    """Calls at hours at which the grant is not used. Of those between 7:00 and 21:00 only ``day_percent`` count.

    ``percent`` of the usual day's calls at least; ``new_floor`` at night while there is no history.
    """

    floor: Count
    percent: Percent
    day_percent: Percent
    history_days: Days
    new_floor: Count


class Harvest(Rule, frozen=True, tag="harvest"):
    """Many different persons, hardly one twice, without case numbers, by a grant that usually names cases."""

    window: Window
    floor: Count
    times: Times
    repeated_percent: Percent
    plain_percent: Percent
    new_floor: Count


class Sequence(Rule, frozen=True, tag="sequence"):
    """Keys that follow one another, as the gateway saw: a run of ``floor`` steps, and ``times`` the usual run."""

    floor: Count
    times: Times


class CaseReuse(Rule, frozen=True, tag="case_reuse"):
    """One case number for ``floor`` persons, and ``times`` as many as a case usually has."""

    window: Window
    floor: Count
    times: Times


class Novel(Rule, frozen=True, tag="novel"):
    """Items, or a kind of case number, that were never used before in ``history_days`` of use."""

    what: Literal["fields", "shapes"]
    floor: Count
    percent: Percent
    history_days: Days


class Refused(Rule, frozen=True, tag="refused"):
    """Calls refused for one of ``reasons``: ``floor`` of them in a day and ``times`` the usual."""

    reasons: Annotated[list[Code], msgspec.Meta(min_length=1, max_length=20)]
    floor: Count
    times: Times


class Targets(Rule, frozen=True, tag="targets"):
    """``floor`` different resources or grants refused in a day: somebody tries what opens."""

    floor: Count


class Change(Rule, frozen=True, tag="change"):
    """For ``days`` such days in a row ``times`` the usual of weeks before: the use has changed, not only peaked."""

    metric: Metric
    days: Days
    times: Times
    floor: Count
    history_days: Days


class Awake(Rule, frozen=True, tag="awake"):
    """Used again, ``floor`` calls in a day, after ``silent_days`` without a call."""

    silent_days: Days
    floor: Count


class Repeated(Rule, frozen=True, kw_only=True, tag="repeated"):
    """One person looked up again and again by one grant, application or case: on ``floor`` occasions, on ``on_days``
    different days at least, and ``times`` as often as by the same before.
    """

    by: Literal["grant", "application", "case"]
    window: Literal["day", "week"]
    floor: Count
    times: Times
    on_days: Days = 1
    scope: Scope = "subject"


class Followed(Rule, frozen=True, kw_only=True, tag="followed"):
    """One person looked up from ``floor`` sides that have nothing to do with one another, ``times`` as many as before,
    and ``crowd_times`` as many as hardly anybody had in the weeks before.

    Sides are grants or organisations; those that name a case in common work on one affair, and are one side.
    """

    by: Literal["grants", "organisations"]
    window: Literal["day", "week"]
    floor: Count
    times: Times
    crowd_times: Times
    scope: Scope = "subject"


class Unused(Rule, frozen=True, tag="unused"):
    """In force and long not used, by the node's setting of days; see :func:`guantong.sharing.queries.unused_grants`."""


AnyRule = (
    Volume | Share | OddHours | Harvest | Sequence | CaseReuse
    | Novel | Refused | Targets | Change | Awake | Repeated | Followed | Unused
)  # fmt: skip


class Signal(msgspec.Struct, frozen=True):
    """What a rule says about one window. ``since`` and ``until`` are hours since 1970 in China Standard Time.

    ``hours`` are the hours with the calls behind it, empty: all; ``usual`` is None without history.
    """

    rule: str
    scope: Scope
    key: str
    since: int
    until: int
    seen: int
    limit: int
    usual: int | None = None
    hours: tuple[int, ...] = ()
    numbers: dict[str, Any] = {}
    subject: str = ""
    """Of whom it is, where it is of a person: the whole pseudonym; ``key`` has its beginning."""
    grant: str = ""
    """The grant it is about, where ``key`` is none."""
