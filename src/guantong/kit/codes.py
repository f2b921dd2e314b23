"""National codes: what they mean, whether they hold, and what they tell.

Sources: GB 32100-2015 (unified social credit code), GB 11714-1997 (organisation code), GB 11643-1999
(citizen identity number), GB/T 2260 (divisions), GB/T 36904-2018 (electronic certificate identifier).
Check digits come from python-stdnum wherever it has them.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_37_36

from guantong.kit.errors import GuantongError

_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CERTIFICATE_ROOT = "1.2.156.3005.2"


class CodeError(GuantongError):
    """A code that cannot be what it claims to be."""

    code: ClassVar[str] = "code_wrong"
    status: ClassVar[int] = 422
    zh: ClassVar[str] = "代码有误。"
    en: ClassVar[str] = "The code is wrong."


class CodeLengthWrong(CodeError):
    """The code is too short or too long; ``kind_zh``/``kind_en`` name it, ``expected`` is the length."""

    code = "code_length_wrong"
    zh = "{kind_zh}应为 {expected} 位，实为 {length} 位。"
    en = "The {kind_en} must have {expected} characters, not {length}."


class CodeAlphabetWrong(CodeError):
    """The code has characters outside its alphabet."""

    code = "code_alphabet_wrong"
    zh = "{kind_zh}含有不允许的字符。"
    en = "The {kind_en} has characters that it cannot have."


class CheckDigitWrong(CodeError):
    """The last character does not follow from the others: a digit was mistyped or two were exchanged."""

    code = "check_digit_wrong"
    zh = "{kind_zh}的校验位不符，请核对是否录错。"
    en = "The check digit of the {kind_en} does not fit; please compare it with the document."


class BirthDateWrong(CodeError):
    """The resident ID holds a day that does not exist."""

    code = "birth_date_wrong"
    zh = "公民身份号码中的出生日期不存在。"
    en = "The birth date in the resident ID does not exist."


class CodeKindUnknown(CodeError):
    """The text has the shape of no code that we know."""

    code = "code_kind_unknown"
    zh = "无法识别的机构代码，既不是统一社会信用代码，也不是组织机构代码。"
    en = "This is neither a unified social credit code nor an organisation code."


def _shape(text: str, length: int, alphabet: str, kind_zh: str, kind_en: str) -> str:
    compact = text.strip().upper().replace("-", "").replace(" ", "")
    if len(compact) != length:
        raise CodeLengthWrong(kind_zh=kind_zh, kind_en=kind_en, expected=length, length=len(compact))
    if not re.fullmatch(f"[{alphabet}]+", compact):
        raise CodeAlphabetWrong(kind_zh=kind_zh, kind_en=kind_en)
    return compact


def check_uscc(text: str) -> str:
    """The unified social credit code (统一社会信用代码, GB 32100) in its compact form, or a CodeError."""
    kind = ("统一社会信用代码", "unified social credit code")
    compact = _shape(text, 18, "0-9A-HJ-NP-RTUWXY", *kind)
    if uscc.calc_check_digit(compact[:-1]) != compact[-1]:
        raise CheckDigitWrong(kind_zh=kind[0], kind_en=kind[1])
    return compact


def organisation_check_digit(body: str) -> str:
    """The ninth character of an organisation code (组织机构代码, GB 11714) for its first eight."""
    total = sum(weight * int(char, 36) for weight, char in zip(_ORGANISATION_WEIGHTS, body, strict=True))
    return "0X987654321"[total % 11]


def check_organisation_code(text: str) -> str:
    """The organisation code (组织机构代码, GB 11714) in its compact form, or a CodeError."""
    kind = ("组织机构代码", "organisation code")
    compact = _shape(text, 9, "0-9A-Z", *kind)
    if organisation_check_digit(compact[:-1]) != compact[-1]:
        raise CheckDigitWrong(kind_zh=kind[0], kind_en=kind[1])
    return compact


def check_body_code(text: str) -> str:
    """Either kind of code by which a body is known; a text of neither shape is :class:`CodeKindUnknown`.

    A text one character off the length of a credit code, and starting like one, is reported as such,
    because a lost digit is what most often happens to codes in spreadsheets.
    """
    compact = text.strip().replace("-", "").replace(" ", "")
    if len(compact) == 9:
        return check_organisation_code(compact)
    if len(compact) == 18 or (len(compact) in {17, 19} and re.match(r"1[12]\d{6}", compact)):
        return check_uscc(compact)
    raise CodeKindUnknown


@dataclass(frozen=True)
class ResidentId:
    """A citizen identity number (公民身份号码, GB 11643) and what its digits tell."""

    number: str
    division: str
    born_on: date
    is_male: bool


def check_resident_id(text: str) -> ResidentId:
    """The resident ID's parts, or the CodeError that says which part is wrong."""
    kind = ("公民身份号码", "resident ID")
    compact = _shape(text, 18, "0-9X", *kind)
    if not compact[:17].isdigit():
        raise CodeAlphabetWrong(kind_zh=kind[0], kind_en=kind[1])
    try:
        born_on = date.fromisoformat(compact[6:14])
    except ValueError:
        raise BirthDateWrong from None
    if ric.calc_check_digit(compact) != compact[-1]:
        raise CheckDigitWrong(kind_zh=kind[0], kind_en=kind[1])
    return ResidentId(compact, compact[:6], born_on, is_male=int(compact[16]) % 2 == 1)


def make_resident_id(division: str, born_on: date, serial: int) -> str:
    """A well-formed number for synthetic people: six-digit division, day of birth, serial 0..999."""
    body = f"{division}{born_on:%Y%m%d}{serial:03d}"
    total = sum(weight * int(char) for weight, char in zip(_RESIDENT_WEIGHTS, body, strict=True))
    return body + "10X98765432"[total % 11]


def make_uscc(body: str) -> str:
    """A credit code from its first seventeen characters."""
    return body + str(uscc.calc_check_digit(body))


def division_code(text: str) -> str:
    """A division (行政区划, GB/T 2260) of 2 to 12 digits in the twelve-digit form the platforms use."""
    compact = text.strip()
    if not compact.isdigit():
        raise CodeAlphabetWrong(kind_zh="行政区划代码", kind_en="division code")
    if not 2 <= len(compact) <= 12:
        raise CodeLengthWrong(
            kind_zh="行政区划代码", kind_en="division code", expected=12, length=len(compact)
        )
    return compact.ljust(12, "0")


@dataclass(frozen=True)
class CertificateIdentifier:
    """An electronic certificate's identifier (电子证照标识, GB/T 36904-2018).

    ``type_code`` is the defining body's USCC and three digits, ``issuer`` the issuing body's USCC,
    ``serial`` letters and digits, ``version`` three digits.
    """

    type_code: str
    issuer: str
    serial: str
    version: str = "001"

    def __str__(self) -> str:
        body = self.type_code + self.issuer + self.serial + self.version
        check = mod_37_36.calc_check_digit(body)
        return f"{_CERTIFICATE_ROOT}.{self.type_code}.{self.issuer}.{self.serial}.{self.version}.{check}"


def check_certificate_identifier(text: str) -> CertificateIdentifier:
    """The parts of a certificate identifier, or a CodeError."""
    kind = ("电子证照标识", "certificate identifier")
    match = re.fullmatch(
        rf"{re.escape(_CERTIFICATE_ROOT)}\.([0-9A-Z]{{21}})\.([0-9A-Z]{{18}})\.([0-9A-Z]+)\.(\d{{3}})\.([0-9A-Z])",
        text.strip(),
    )
    if match is None:
        raise CodeAlphabetWrong(kind_zh=kind[0], kind_en=kind[1])
    identifier = CertificateIdentifier(*match.groups()[:4])
    if str(identifier)[-1] != match[5]:
        raise CheckDigitWrong(kind_zh=kind[0], kind_en=kind[1])
    return identifier
