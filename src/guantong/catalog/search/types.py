"""What is indexed, asked and found: the one small interface that every search engine of a node has."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Sort = Literal["relevance", "updated", "name", "used"]
SORTS: tuple[Sort, ...] = ("relevance", "updated", "name", "used")

FACETS: tuple[str, ...] = (
    "department",
    "region",
    "kind",
    "sharing",
    "open",
    "cycle",
    "format",
    "level",
    "linked",
    "stage",
)
"""The facets, in the order in which pages show them. ``kind`` is the guide's 类: 1 base, 2 theme, 3 department."""

DRAFT = "draft"
"""The stage of what is not published; any other stage is in force."""

EVERYBODY = "all"
"""What stands in :attr:`Entry.seen_by` for an entry that everybody may see."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One face of a resource as it is indexed: what is published, or a department's draft beside it.

    ``seen_by`` says who may find it: :data:`EVERYBODY`, or words as :func:`guantong.catalog.search.sight.sight_of` gives them.
    ``region`` has the twelve digits of the provider's division; ``updated_at`` counts seconds since 1970;
    ``uses`` are the grants in force.
    """

    pk: int
    seen_by: Sequence[str]
    code: str
    name: str
    summary: str
    keywords: Sequence[str]
    items: Sequence[str]
    provider_name: str
    department: str
    region: str
    kind: str
    sharing: str
    open: str
    cycle: str
    format: str
    level: str
    linked: str
    stage: str
    updated_at: int = 0
    uses: int = 0

    @property
    def key(self) -> int:
        """What names this face in answers: twice the resource's key, and one more for a draft."""
        return self.pk * 2 + (self.stage == DRAFT)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. ``chosen`` maps facets to values: within one facet any of them, between facets all.

    ``sight`` are the words of what the viewer may see; what they may not is neither found nor counted.
    A ``region`` is chosen by 2, 4 or 6 digits and includes what lies within it. ``among`` bounds the search to these
    resources.
    """

    text: str = ""
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sight: Sequence[str] = (EVERYBODY,)
    sort: Sort = "relevance"
    limit: int = 20
    cursor: str = ""
    facets: Sequence[str] = FACETS
    among: Sequence[int] = ()

    @property
    def region(self) -> str:
        """The chosen region, or nothing."""
        return next(iter(self.chosen.get("region", ())), "")


@dataclass(frozen=True, slots=True)
class Found:
    """The answer: entries' keys in order, how many there are in all, counts per facet, and where to go on.

    The counts of a facet are made under all other filters, so that its other values can still be chosen;
    those of ``region`` are of the divisions right below the chosen one.
    """

    keys: Sequence[int]
    total: int
    counts: Mapping[str, Mapping[str, int]]
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One completion for the box: what to search for, what it is (name, keyword, department), and what it finds."""

    text: str
    kind: str
    total: int = 0


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of a resource: its faces as they are now; none when it is neither published nor drafted."""

    pk: int
    faces: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Position:
    """How far an index has followed: the last change of the feed, and the last journal entry about a resource."""

    change: int = 0
    entry: int = 0


Progress = Callable[[int], None]
"""Called now and then with the number of entries that are in."""


class SearchIndex(Protocol):
    """A full-text index of the catalogue.

    ``build`` makes a new index beside the one in use and swaps it in when it is whole; ``apply`` changes the one
    in use. Both keep ``position``. Raises
    :class:`~guantong.catalog.search.errors.SearchIndexMissing` while there is nothing to ask.
    """

    def build(self, entries: Iterable[Entry], *, position: Position, progress: Progress) -> int:
        """Index everything anew; how many entries there are."""

    def apply(self, changes: Sequence[Changed], *, position: Position) -> None:
        """Take the changes in; repeats are harmless."""

    def position(self) -> Position:
        """How far it has followed; the changes before that are in."""

    def search(self, asked: Asked) -> Found:
        """The answer to one question."""

    def suggest(self, text: str, *, sight: Sequence[str], limit: int = 8) -> list[Suggestion]:
        """Completions of what somebody is typing: characters, pinyin or its initials."""

    def related(self, entry: Entry, *, sight: Sequence[str], limit: int = 5) -> list[int]:
        """Keys of the entries most like this one, itself left out."""


@dataclass(frozen=True, slots=True)
class Building:
    """How far a build has come, for those who wait."""

    entries: int
    began_at: str


class KeptIndex(SearchIndex, Protocol):
    """An index that can say how it is, so that the worker can look after it and pages can tell."""

    def is_sound(self) -> bool:
        """Whether it can be asked, and was made with today's words."""

    def is_marked_broken(self) -> bool:
        """Whether a reader has met damage since the last build."""

    def building(self) -> Building | None:
        """How far the running build has come; None when there is none."""
