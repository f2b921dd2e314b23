"""What values look like: identifiers of persons by check digits and patterns, addresses, days, codes. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from guantong.kit.codes import check_resident_id, check_uscc
from guantong.kit.errors import GuantongError

_SURNAMES: Final = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏"
    "钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
_HAN = re.compile(r"[\u4e00-\u9fff·]{2,4}")
_PHONE = re.compile(r"1[3-9][0-9]{9}|0[0-9]{2,3}-?[0-9]{7,8}")
_ADDRESS = re.compile(r".*(省|市|区|县|镇|乡|街道|路|巷|村|小区|号|栋|室).*(路|街|巷|村|号|栋|室|组|社).*")
_DAY = re.compile(r"(19|20)[0-9]{2}[-/年]?(0?[1-9]|1[0-2])[-/月]?(0?[1-9]|[12][0-9]|3[01])日?([ T].*)?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]{2,}")
_DIVISION = re.compile(r"[1-6][0-9]{5}([0-9]{3}){0,2}")


def _holds(check: Callable[[str], object]) -> Callable[[str], bool]:
    def held(text: str) -> bool:
        try:
            check(text)
        except GuantongError:
            return False
        return True

    return held


_KINDS: Final[Mapping[str, Callable[[str], bool]]] = {
    "resident_id": _holds(check_resident_id),
    "uscc": _holds(check_uscc),
    "phone": lambda text: bool(_PHONE.fullmatch(text)),
    "email": lambda text: bool(_EMAIL.fullmatch(text)),
    "day": lambda text: bool(_DAY.fullmatch(text)),
    "division": lambda text: bool(_DIVISION.fullmatch(text)),
    "name": lambda text: bool(_HAN.fullmatch(text)) and text[0] in _SURNAMES,
    "address": lambda text: len(text) >= 6 and bool(_ADDRESS.fullmatch(text)),
}


def looks(values: Iterable[Any]) -> dict[str, float]:
    """For each kind the share of the values (blank ones aside) that look like it; kinds under a tenth are left out."""
    texts = [text for value in values if value is not None and (text := str(value).strip()[:200])]
    shares = {kind: sum(map(is_one, texts)) / len(texts) for kind, is_one in _KINDS.items()} if texts else {}
    return {kind: round(share, 2) for kind, share in shares.items() if share >= 0.1}
