"""Why a case ended as it did, in words that a family can act on."""

from typing import Final

REASONS: Final[dict[str, tuple[str, str]]] = {
    "conditions_met": (
        "身份、居住、就业（参保或经营）和住房条件均已由部门数据核实，准予入学。",
        "Identity, residence, work and home were confirmed from the departments' data: admitted.",
    ),
    "identity_not_matched": (
        "学生或监护人的身份信息与国家人口基础信息库不一致，请核对姓名、出生地和监护关系。",
        "Names, birthplaces or guardianship do not agree with the national population base; please check.",
    ),
    "residence_permit_missing": (
        "没有查到监护人的居住证，请先到居住地派出所申领。",
        "No residence permit of the guardian was found; one can be had at the local police station.",
    ),
    "residence_permit_expired": (
        "监护人的居住证已过期或尚未生效，签注后可以再次申请。",
        "The guardian's residence permit is not in force; apply again once it has been renewed.",
    ),
    "residence_permit_elsewhere": (
        "监护人的居住证不在本区，请向居住证所在区县提出申请。",
        "The guardian's residence permit is for another district; please apply there.",
    ),
    "work_not_established": (
        "监护人参加社会保险不足六个月，也没有存续的营业执照。",
        "The guardian has been insured for less than six months and has no running business licence.",
    ),
    "home_missing": (
        "没有查到监护人在本区的住房、租房、公租房或单位宿舍信息。",
        "No home of the guardian (owned, rented, public rental or dormitory) was found in this district.",
    ),
    "home_contract_ended": (
        "监护人登记的租房合同已到期，续签并备案后可以再次申请。",
        "The guardian's registered tenancy has ended; apply again once a new one is registered.",
    ),
    "admitted_on_proof": (
        "部门数据正在校核，窗口凭有效证明受理，准予入学。",
        "The departments' data are being corrected; admitted at the counter on valid proof.",
    ),
    "conditions_not_established": (
        "部门数据不完整，不能确认入学条件；请窗口协助向数据提供部门提出校核。",
        "The departments' data are incomplete; the counter will help to have them corrected.",
    ),
}


def sentence(reason: str, *, english: bool = False) -> str:
    """The reason in words; an unknown code is shown as it is."""
    zh, en = REASONS.get(reason, (reason, reason))
    return en if english else zh
