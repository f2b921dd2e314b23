"""Reading the one form: every fault named by its field, in words that say what to correct."""

import re
import unicodedata
from collections.abc import Iterable, Mapping

from guantong.counter import facts
from guantong.counter.errors import (
    FieldFault,
    FieldMalformed,
    FieldMissing,
    FormRefused,
    ResidentIdWrong,
    SamePersonTwice,
)
from guantong.kit import codes
from guantong.kit.errors import GuantongError
from guantong.workflow.types import Input

_NAME = re.compile(r"[^\W\d_]+(?:[·•. '\-][^\W\d_]+)*")
_PHONE = re.compile(r"\+?\d[\d\- ]{5,18}\d")


def asked(inputs: Iterable[Input]) -> list[Input]:
    """The fields that a person fills in: those that do not follow from another."""
    return [field for field in inputs if not field.source]


def read(inputs: Iterable[Input], given: Mapping[str, str]) -> dict[str, str]:
    """The form's values in their plain form; raises FormRefused with every fault at once.

    Fields that the flow does not declare are left out, so nothing is kept that nobody needs.
    """
    values: dict[str, str] = {}
    faults: dict[str, GuantongError] = {}
    inputs = list(inputs)
    for field in asked(inputs):
        try:
            values[field.name] = _value(field, given.get(field.name, ""))
        except FieldFault as fault:
            faults[field.name] = fault
    _check_persons(inputs, values, faults)
    if faults:
        raise FormRefused(faults)
    for field in inputs:
        if field.source:
            values[field.name] = codes.check_resident_id(values[field.source]).born_on.isoformat()
    return {name: value for name, value in values.items() if value}


def _value(field: Input, given: str) -> str:
    text = unicodedata.normalize("NFKC", given).strip()
    if not text:
        if field.required:
            raise FieldMissing(field=field.name, label=field.label, label_en=field.label_en)
        return ""
    if field.type == "resident_id":
        return _resident_id(field, text)
    if field.type == "division":
        return _division(field, text)
    if field.type == "date":
        day = facts.day(text)
        if day is None:
            raise _malformed(field, "应为日期，如 2018-09-01", "a date such as 2018-09-01 is wanted")
        return day.isoformat()
    if field.type == "person_name" and not (len(text) <= 40 and _NAME.fullmatch(text)):
        raise _malformed(field, "姓名只能含文字和间隔号", "a name has letters and separating dots only")
    if field.type == "phone" and not _PHONE.fullmatch(text):
        raise _malformed(field, "不是电话号码", "this is no telephone number")
    if len(text) > 200:
        raise _malformed(field, "超过 200 个字", "it is longer than 200 characters")
    return text


def _resident_id(field: Input, text: str) -> str:
    try:
        return codes.check_resident_id(text).number
    except codes.CodeError as fault:
        raise ResidentIdWrong(
            field=field.name,
            label=field.label,
            label_en=field.label_en,
            why=fault.code,
            why_zh=fault.sentence("zh"),
            why_en=fault.sentence("en"),
        ) from fault


def _division(field: Input, text: str) -> str:
    digits = text.removesuffix("000000") if len(text) == 12 else text
    if not re.fullmatch(r"[1-8]\d{5}", digits):
        raise _malformed(
            field, "应为六位行政区划代码，如 511602", "a six-digit division code such as 511602 is wanted"
        )
    return digits


def _malformed(field: Input, why_zh: str, why_en: str) -> FieldMalformed:
    return FieldMalformed(
        field=field.name, label=field.label, label_en=field.label_en, why_zh=why_zh, why_en=why_en
    )


def _check_persons(inputs: list[Input], values: Mapping[str, str], faults: dict[str, GuantongError]) -> None:
    """Two persons of one form cannot share a number: the usual slip of copying the wrong line."""
    seen: dict[str, Input] = {}
    for field in inputs:
        number = values.get(field.name)
        if field.type != "resident_id" or not number:
            continue
        if number in seen:
            other = seen[number]
            faults[field.name] = SamePersonTwice(
                field=field.name,
                label=field.label,
                label_en=field.label_en,
                other=other.label,
                other_en=other.label_en,
            )
        seen.setdefault(number, field)
