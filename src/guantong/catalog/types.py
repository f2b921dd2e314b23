"""What a catalogue entry says, per the compilation guide (政务信息资源目录编制指南, 2017)."""

import re
from typing import Annotated, Any, Literal

import msgspec

from guantong.catalog.errors import ContentWrong

SharingType = Literal["unconditional", "conditional", "not_shared"]
UpdateCycle = Literal["real_time", "daily", "weekly", "monthly", "quarterly", "yearly", "irregular"]
ItemType = Literal["C", "N", "Y", "D", "T", "L", "M", "G", "B", "I", "F"]

# RFC 3339 in UTC, as kit.clock writes it.
_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
_CODE = re.compile(r"[0-9]{6,57}/[0-9]{6}")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]+")

Line = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, msgspec.Meta(max_length=4000, pattern=r"^[^\x00]*$")]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ItemContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """信息项: one item. ``name`` is its word in calls, ``label`` its Chinese name, ``level`` 1 (open) to 4."""

    name: Code
    label: Line
    type: ItemType = "C"
    length: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] = 0
    level: int = 1
    mask: Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[a-z_]+(:[0-9]{1,4})?$")] = "none"
    comparison: Literal["exact", "name", "date", "prefix6"] = "exact"
    is_key: bool = False


class ResourceContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """信息资源: everything that a version of an entry says about a resource.

    ``sharing_condition`` states the condition of conditional sharing; ``sharing_basis`` cites the law that
    "not shared" rests on; ``lookups`` are the declared combinations of key items by which rows may be asked for.
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
    keywords: Annotated[list[Line], msgspec.Meta(max_length=100)] = []
    source_url: Annotated[str, msgspec.Meta(max_length=2000)] = ""

    def checked(self) -> "ResourceContent":
        """The same content, or :class:`ContentWrong` with the first rule it breaks."""
        if not _CODE.fullmatch(self.code):
            raise ContentWrong(
                field="code",
                why_zh="代码应为“类项目细目/顺序号”",
                why_en="codes look like 3070220400053/000002",
            )
        if not self.name.strip():
            raise ContentWrong(field="name", why_zh="名称不能为空", why_en="a name is needed")
        if self.sharing_type == "not_shared" and not self.sharing_basis.strip():
            raise ContentWrong(
                field="sharing_basis",
                why_zh="不予共享须写明法律依据",
                why_en="“not shared” must cite the law it rests on",
            )
        if self.sharing_type == "conditional" and not self.sharing_condition.strip():
            raise ContentWrong(
                field="sharing_condition",
                why_zh="有条件共享须写明条件",
                why_en="conditional sharing must state its condition",
            )
        if self.source_url and not _ADDRESS.fullmatch(self.source_url):
            raise ContentWrong(
                field="source_url",
                why_zh="应为 http 或 https 地址",
                why_en="an http or https address is wanted",
            )
        names = [item.name for item in self.items]
        if not all(map(_WORD.fullmatch, names)):
            raise ContentWrong(
                field="items",
                why_zh="信息项名应由小写字母、数字和下划线组成",
                why_en="item names are made of lower-case letters, digits and underscores",
            )
        if len(set(names)) != len(names):
            raise ContentWrong(field="items", why_zh="信息项重名", why_en="two items have the same name")
        if any(not 1 <= item.level <= 4 for item in self.items):
            raise ContentWrong(field="items", why_zh="级别应为 1 至 4", why_en="levels go from 1 to 4")
        if not all(self.lookups) or {key for lookup in self.lookups for key in lookup} - set(names):
            raise ContentWrong(
                field="lookups", why_zh="查询键不在信息项之中", why_en="a look-up names an unknown item"
            )
        return self


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change of a node's feed: a version of an entry, and who provides it."""

    node: str
    version: Annotated[int, msgspec.Meta(ge=1, le=2_000_000_000)]
    is_withdrawal: bool
    content: dict[str, Any]
    provider_name: Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]
    provider_division: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{12}$")]
    provider_is_synthetic: bool
    published_at: Annotated[str, msgspec.Meta(pattern=_MOMENT)]
