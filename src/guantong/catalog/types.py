"""What a catalogue entry says, per the compilation guide (政务信息资源目录编制指南, 2017)."""

import re
from typing import Annotated, Any, Literal

import msgspec

from guantong.catalog.errors import ContentWrong
from guantong.catalog.interfaces import checking
from guantong.catalog.interfaces.types import OperationContent

SharingType = Literal["unconditional", "conditional", "not_shared"]
UpdateCycle = Literal[
    "real_time",
    "daily",
    "weekly",
    "ten_days",
    "monthly",
    "quarterly",
    "half_yearly",
    "yearly",
    "irregular",
]
ItemType = Literal["C", "N", "Y", "D", "T", "L", "M", "G", "B", "I", "F"]
Comparison = Literal["exact", "name", "date", "prefix6"]
SharingWay = Literal[
    "platform_database",
    "platform_file",
    "platform_interface",
    "mail",
    "disk",
    "paper",
    "document",
    "other",
]
Who = Literal["any", "division", "named"]

# RFC 3339 in UTC, as kit.clock writes it.
_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
# What every rule for codes has in common; a node's own rule (catalog.codes) says more.
CODE_SHAPE = r"[0-9][0-9A-Za-z.-]{0,56}/[0-9A-Za-z-]{1,20}"
_CODE = re.compile(rf"(?=.{{3,64}}\Z){CODE_SHAPE}")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]+")

Line = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, msgspec.Meta(max_length=4000, pattern=r"^[^\x00]*$")]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Mask = Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[a-z_]+(:[0-9]{1,4})?$")]
Length = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Lines = Annotated[list[Line], msgspec.Meta(max_length=100)]


class ItemContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """信息项: one item. ``name`` is its word in calls, ``label`` its Chinese name, ``level`` 1 (open) to 4.

    ``mask`` is what is left of it unless a grant says otherwise; ``element`` the identifier of the data element
    (数据元) it is bound to, empty if none.
    """

    name: Code
    label: Line
    type: ItemType = "C"
    length: Length = 0
    level: int = 1
    mask: Mask = "none"
    comparison: Comparison = "exact"
    is_key: bool = False
    element: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class SharingTerm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """共享条件, structured: who may ask, in which scenario, for which purposes (service items or their beginnings).

    ``who``: any department; departments of the divisions whose codes begin with ``organisations``; those named there.
    """

    scenario: Line
    who: Who = "any"
    organisations: Annotated[list[Code], msgspec.Meta(max_length=100)] = []
    purposes: Annotated[list[Code], msgspec.Meta(max_length=100)] = []

    def admits(self, *, consumer: str, division: str, purpose: str) -> bool:
        """Whether a department (code, division) may ask for ``purpose`` (a service item's code) under this term."""
        is_asked = (
            self.who == "any"
            or (self.who == "named" and consumer in self.organisations)
            or (self.who == "division" and division.startswith(tuple(self.organisations)))
        )
        return is_asked and (not self.purposes or purpose.startswith(tuple(self.purposes)))


class ResourceContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """信息资源: everything that a version of an entry says about a resource.

    ``sharing_condition`` and ``sharing_terms`` state the condition of conditional sharing, in words and so that a
    program can tell; ``sharing_basis`` cites the law that "not shared" rests on; ``lookups`` are the declared
    combinations of key items by which rows may be asked for; ``classification`` names 类, 项, 目, 细目;
    ``extension`` holds the fields that the provider's node has declared besides the guide's; ``operations`` what may
    be asked of the department's own HTTP interface, by name, empty for tables and files.
    """

    code: str
    name: Line
    provider: Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$")]
    summary: Text = ""
    format: Line = "database"
    items: Annotated[list[ItemContent], msgspec.Meta(max_length=500)] = []
    lookups: Annotated[list[list[Code]], msgspec.Meta(max_length=20)] = []
    sharing_type: SharingType = "conditional"
    sharing_condition: Text = ""
    sharing_basis: Text = ""
    is_open: bool = False
    open_condition: Text = ""
    update_cycle: UpdateCycle = "irregular"
    keywords: Lines = []
    source_url: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    classification: Annotated[list[Line], msgspec.Meta(max_length=4)] = []
    sharing_terms: Annotated[list[SharingTerm], msgspec.Meta(max_length=50)] = []
    sharing_ways: Annotated[list[SharingWay], msgspec.Meta(max_length=8)] = []
    related: Annotated[list[Code], msgspec.Meta(max_length=100)] = []
    office: Line = ""
    systems: Lines = []
    service_items: Lines = []
    extension: dict[Code, Text | int | bool] = {}
    operations: Annotated[dict[str, OperationContent], msgspec.Meta(max_length=50)] = {}

    def checked(self) -> "ResourceContent":
        """The same content, or :class:`ContentWrong` with the first rule it breaks."""
        for fault in self.faults():
            raise fault
        return self

    def faults(self) -> list[ContentWrong]:
        """Every rule that the content breaks."""
        names = [item.name for item in self.items]
        rules = [
            (
                "code",
                bool(_CODE.fullmatch(self.code)),
                "代码应为“类项目细目/顺序号”",
                "codes look like 3070220400053/000002",
            ),
            ("name", bool(self.name.strip()), "名称不能为空", "a name is needed"),
            (
                "sharing_basis",
                self.sharing_type != "not_shared" or bool(self.sharing_basis.strip()),
                "不予共享须写明法律依据",
                "“not shared” must cite the law it rests on",
            ),
            (
                "sharing_condition",
                self.sharing_type != "conditional"
                or bool(self.sharing_condition.strip())
                or bool(self.sharing_terms),
                "有条件共享须写明条件",
                "conditional sharing must state its condition",
            ),
            (
                "sharing_terms",
                self.sharing_type == "conditional" or not self.sharing_terms,
                "只有“有条件共享”才可附加共享条件",
                "only conditional sharing has terms",
            ),
            (
                "sharing_terms",
                all(term.scenario.strip() for term in self.sharing_terms)
                and all(bool(term.organisations) != (term.who == "any") for term in self.sharing_terms),
                "每项条件应写明场景；指定对象的，应列出对象",
                "each term states a scenario, and names whom it is for unless it is for any",
            ),
            (
                "source_url",
                not self.source_url or bool(_ADDRESS.fullmatch(self.source_url)),
                "应为 http 或 https 地址",
                "an http or https address is wanted",
            ),
            (
                "items",
                all(map(_WORD.fullmatch, names)),
                "信息项名应由小写字母、数字和下划线组成",
                "item names are made of lower-case letters, digits and underscores",
            ),
            ("items", len(set(names)) == len(names), "信息项重名", "two items have the same name"),
            (
                "items",
                all(1 <= item.level <= 4 for item in self.items),
                "级别应为 1 至 4",
                "levels go from 1 to 4",
            ),
            (
                "lookups",
                all(self.lookups) and not {key for lookup in self.lookups for key in lookup} - set(names),
                "查询键不在信息项之中",
                "a look-up names an unknown item",
            ),
        ]
        return [
            ContentWrong(field=field, why_zh=why_zh, why_en=why_en)
            for field, is_good, why_zh, why_en in rules
            if not is_good
        ] + [
            ContentWrong(field="operations", why_zh=why_zh, why_en=why_en)
            for why_zh, why_en in checking.faults(self.operations, set(names), self.lookups)
        ]


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change of a node's feed: a version of an entry, and who provides it.

    ``number`` is its place in the feed of the neighbour that hands it on.
    """

    number: Annotated[int, msgspec.Meta(ge=1)]
    node: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$")]
    version: Annotated[int, msgspec.Meta(ge=1, le=2_000_000_000)]
    is_withdrawal: bool
    content: dict[str, Any]
    provider_name: Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]
    provider_division: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{12}$")]
    provider_is_synthetic: bool
    published_at: Annotated[str, msgspec.Meta(pattern=_MOMENT)]


class Wanted(msgspec.Struct, frozen=True):
    """One need as it is stated: the data, for which service item, by which law; ``resource`` is an entry's code, if known.

    ``items`` are the entry's items that the service item's flow reads, ``mode`` how it asks (query or verify); both
    are empty where nothing says so.
    """

    data: str
    service_item: str = ""
    law: str = ""
    resource: str = ""
    element: str = ""
    items: list[str] = []
    mode: str = ""


class ItemNeeds(msgspec.Struct, frozen=True):
    """What a service item (by its code, of the department with the code ``organisation``) needs, and what it makes."""

    organisation: str
    code: str
    name: str
    needs: list[Wanted]
    makes: list[str]


_Text = Annotated[str, msgspec.Meta(max_length=4000, pattern=r"^[^\x00]*$")]
_Short = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Node = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$")]


class ElementTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A data element as a node above tells it. ``texts`` are the columns of its directory; ``node`` keeps it."""

    identifier: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    node: _Node
    revision: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    texts: dict[Annotated[str, msgspec.Meta(max_length=40)], _Text]
    is_retired: bool = False
    merged_into: Annotated[str, msgspec.Meta(max_length=40)] = ""


class CodeListTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code list as a node above tells it: every code with the revisions it began and ended with."""

    identifier: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    node: _Node
    name: _Short
    standard: _Short
    revision: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    note: _Text
    codes: Annotated[
        list[
            tuple[
                Annotated[str, msgspec.Meta(min_length=1, max_length=32)],
                _Short,
                Annotated[str, msgspec.Meta(min_length=1, max_length=20)],
                Annotated[str, msgspec.Meta(max_length=20)],
            ]
        ],
        msgspec.Meta(max_length=20_000),
    ]


class StandardsTold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one message brings: first the code lists, then the elements that use them."""

    lists: Annotated[list[CodeListTerms], msgspec.Meta(max_length=50)] = []
    elements: Annotated[list[ElementTerms], msgspec.Meta(max_length=200)] = []
