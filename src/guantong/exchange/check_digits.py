"""Check digits of whole columns at once: resident ID (GB 11643) and unified social credit code (GB 32100).

The same rules as :mod:`guantong.kit.codes`, one value per 20 nanoseconds instead of one per 3 microseconds.
Nothing is trimmed or made upper case: a column of codes either holds codes or it does not.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

LENGTH = 18
_RESIDENT_SHAPE = r"^\d{17}[0-9X]$"
_RESIDENT_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], np.int32)
_RESIDENT_CHECKS = np.frombuffer(b"10X98765432", np.uint8)
_USCC_ALPHABET = b"0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_SHAPE = r"^[0-9A-HJ-NP-RTUWXY]{18}$"
_USCC_WEIGHTS = np.array([1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28], np.int32)
_USCC_VALUES = np.zeros(256, np.int32)
_USCC_VALUES[np.frombuffer(_USCC_ALPHABET, np.uint8)] = np.arange(31)
_DAYS = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int32)

Digits = npt.NDArray[np.int32]


def resident_ids_hold(values: pl.Series) -> pl.Series:
    """For each text whether it is a resident ID: shape, day of birth, check character. Null stays null."""
    return _judged(values, _RESIDENT_SHAPE, _resident)


def usccs_hold(values: pl.Series) -> pl.Series:
    """For each text whether it is a unified social credit code. Null stays null."""
    return _judged(values, _USCC_SHAPE, _uscc)


def _judged(values: pl.Series, shape: str, judge: Any) -> pl.Series:
    shaped = values.str.contains(shape) & (values.str.len_bytes() == LENGTH)
    candidates = values.filter(shaped)
    if candidates.is_empty():
        return shaped
    letters = np.frombuffer(candidates.str.join("").item().encode("ascii"), np.uint8).reshape(-1, LENGTH)
    held = shaped.to_numpy().copy() if shaped.null_count() == 0 else None
    verdict = judge(letters)
    if held is not None:
        held[held] = verdict
        return pl.Series(values.name, held)
    whole = shaped.fill_null(value=False).to_numpy().copy()
    whole[whole] = verdict
    return pl.Series(values.name, whole).set(values.is_null(), None)


def _resident(letters: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    digits = letters.astype(np.int32) - ord("0")
    expected = _RESIDENT_CHECKS[(digits[:, :17] @ _RESIDENT_WEIGHTS) % 11]
    right: npt.NDArray[np.bool_] = (expected == letters[:, 17]) & _days_exist(digits)
    return right


def _days_exist(digits: Digits) -> npt.NDArray[np.bool_]:
    year = digits[:, 6:10] @ np.array([1000, 100, 10, 1], np.int32)
    month = digits[:, 10] * 10 + digits[:, 11]
    day = digits[:, 12] * 10 + digits[:, 13]
    is_leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = _DAYS[np.where(month <= 12, month, 0)] - ((month == 2) & ~is_leap)
    exists: npt.NDArray[np.bool_] = (year >= 1) & (month >= 1) & (day >= 1) & (day <= last)
    return exists


def _uscc(letters: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    numbers = _USCC_VALUES[letters]
    right: npt.NDArray[np.bool_] = (31 - numbers[:, :17] @ _USCC_WEIGHTS % 31) % 31 == numbers[:, 17]
    return right
