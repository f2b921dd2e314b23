"""理由: on which grounds a request may be refused. A refusal names one of them, and says in its own words why here.

Read out of State Council Order No. 809 (政务数据共享条例, in force since 2025-08-01): sharing is for statutory duties, of
the least that they need, "not shared" only where law says so, with security that fits the data. How the order words
each, and whether a province adds others, is for its lawyers to confirm.
"""

from typing import NamedTuple


class Ground(NamedTuple):
    """One ground, in both languages."""

    zh: str
    en: str


GROUNDS: dict[str, Ground] = {
    "no_duty": Ground(
        "所需数据与申请方法定职责无关", "the data have nothing to do with the asker's statutory duties"
    ),
    "no_basis": Ground("所述依据不成立或未说明依据", "the legal basis does not hold, or is not stated"),
    "beyond_need": Ground("超出履行职责的最小必要范围", "it is more than the duty needs"),
    "barred_by_law": Ground("法律、行政法规规定不得共享", "a law or administrative regulation bars it"),
    "not_held": Ground("提供方不产生、不掌握该数据", "the provider neither makes nor holds the data"),
    "unsafe": Ground("申请方不具备相应的安全保障条件", "the asker lacks the security that the data call for"),
    "misused": Ground("申请方曾违规使用且未整改", "the asker has misused data before and not set it right"),
    "not_supplemented": Ground(
        "经一次告知，未按期补正", "told once what was missing, the asker has not added it in time"
    ),
}
