"""Coding rules (编码规则): which codes this node's own entries may have, and which comes next.

The guide's rule is the default; a province's own is one more entry of :data:`RULES`, chosen by the setting
``GUANTONG_CATALOGUE_CODE_RULE``. Entries of other nodes keep the codes they came with.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from guantong.catalog.errors import ContentWrong

CLASSES: Final[Mapping[str, str]] = {"1": "基础信息资源", "2": "主题信息资源", "3": "部门信息资源"}


@dataclass(frozen=True)
class CodeRule:
    """One rule: the pattern of a whole code, digits of the sequence, and how people are told about it.

    The pattern's group ``head`` is what stands before the sequence.
    """

    pattern: str
    sequence: int
    zh: str
    en: str

    def check(self, code: str) -> str:
        """``code`` itself, or :class:`ContentWrong`."""
        if not re.fullmatch(self.pattern, code):
            raise ContentWrong(field="code", why_zh=self.zh, why_en=self.en)
        return code

    def next(self, head: str, taken: Iterable[str]) -> str:
        """The first free code below ``head`` (which may end in a slash), given all codes taken there."""
        head = head.rstrip("/")
        used = {code.rpartition("/")[2] for code in taken if code.rpartition("/")[0] == head}
        numbers = [int(text) for text in used if text.isascii() and text.isdigit()]
        return self.check(f"{head}/{max(numbers, default=0) + 1:0{self.sequence}d}")


RULES: Final[Mapping[str, CodeRule]] = {
    # 编制指南: 类 1 位 + 项 2 位 + 目 3 位 + 细目 (any length), "/", sequence.
    "guide": CodeRule(
        r"(?P<head>[123][0-9]{5,56})/[0-9]{6}",
        6,
        "代码应为“类(1)项(2)目(3)细目/六位顺序号”，类为 1 基础、2 主题、3 部门，如 3070220400053/000002",
        "codes are class (1 digit: 1, 2 or 3), 2, 3 and more digits, “/” and six digits, as 3070220400053/000002",
    ),
    # Sequences of any length, and letters: what several provinces write.
    "loose": CodeRule(
        r"(?P<head>[123][0-9A-Z]{5,56})/[0-9A-Z]{1,20}",
        6,
        "代码应为“类项目细目/顺序号”，由数字和大写字母组成",
        "codes are class and sequence parted by “/”, of digits and capital letters",
    ),
}


def rule(name: str) -> CodeRule:
    """The rule that a node has chosen."""
    return RULES[name]
