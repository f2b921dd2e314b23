"""What a catalogue entry says, per the compilation guide (政务信息资源目录编制指南, 2017)."""

import re
from typing import Literal

import msgspec

from guantong.catalog.errors import ContentWrong

SharingType = Literal["unconditional", "conditional", "not_shared"]
UpdateCycle = Literal["real_time", "daily", "weekly", "monthly", "quarterly", "yearly", "irregular"]
ItemType = Literal["C", "N", "Y", "D", "T", "L", "M", "G", "B", "I", "F"]

_CODE = re.compile(r"\d{6,}/\d{6}")


class ItemContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """信息项: one item. ``name`` is its word in calls, ``label`` its Chinese name, ``level`` 1 (open) to 4."""

    name: str
    label: str
    type: ItemType = "C"
    length: int = 0
    level: int = 1
    mask: str = "none"
    comparison: Literal["exact", "name", "date", "prefix6"] = "exact"
    is_key: bool = False


class ResourceContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """信息资源: everything that a version of an entry says about a resource.

    ``sharing_condition`` states the condition of conditional sharing; ``sharing_basis`` cites the law that
    "not shared" rests on; ``lookups`` are the declared combinations of key items by which rows may be asked for.
    """

    code: str
    name: str
    provider: str
    summary: str = ""
    format: str = "database"
    items: list[ItemContent] = []
    lookups: list[list[str]] = []
    sharing_type: SharingType = "conditional"
    sharing_condition: str = ""
    sharing_basis: str = ""
    is_open: bool = False
    open_condition: str = ""
    update_cycle: UpdateCycle = "irregular"
    keywords: list[str] = []
    source_url: str = ""

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
        names = [item.name for item in self.items]
        if len(set(names)) != len(names):
            raise ContentWrong(field="items", why_zh="信息项重名", why_en="two items have the same name")
        if any(not 1 <= item.level <= 4 for item in self.items):
            raise ContentWrong(field="items", why_zh="级别应为 1 至 4", why_en="levels go from 1 to 4")
        if {key for lookup in self.lookups for key in lookup} - set(names):
            raise ContentWrong(
                field="lookups", why_zh="查询键不在信息项之中", why_en="a look-up names an unknown item"
            )
        return self
