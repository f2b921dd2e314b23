"""The town's facts: nodes, departments, log-ins, resources and the tables that serve them."""

from dataclasses import dataclass
from typing import Any

from guantong.kit.codes import make_uscc

ITEM = "512B0156000000-511602000000-000-115113010833722043-1-00"
ITEM_NAME = "进城务工人员随迁子女接受义务教育入学申请办理"
DISTRICT = "511602000000"

MATERIALS = [
    {"name": "学生和监护人身份证明、户口簿", "obtained_from": "1010010000001/000001", "law": ""},
    {"name": "监护人居住证", "obtained_from": "3070511600001/000001", "law": ""},
    {"name": "务工证明（社会保险参保证明）", "obtained_from": "3070511600002/000001", "law": ""},
    {
        "name": "住所证明（房产、租赁备案或公租房配租证明）",
        "obtained_from": "3070511600003/000001",
        "law": "",
    },
    {"name": "经商人员营业执照", "obtained_from": "3070511600004/000001", "law": ""},
]


@dataclass(frozen=True)
class Place:
    """One node of the town."""

    code: str
    title: str
    parent: str


PLACES = {
    "000000": Place("000000", "国家政务数据共享节点", ""),
    "510000": Place("510000", "四川省政务数据共享节点", "000000"),
    "511600": Place("511600", "广安市政务数据共享节点", "510000"),
}


@dataclass(frozen=True)
class Department:
    """A department above the district, with a synthetic credit code."""

    key: str
    node: str
    name: str
    code: str
    is_bureau: bool = False


def _department(key: str, node: str, name: str, serial: int, *, is_bureau: bool = False) -> Department:
    # 11 is a government body; MX and a serial mark the code as made for this example.
    prefix = "100000" if node == "000000" else node
    return Department(key, node, name, make_uscc(f"11{prefix}MX{serial:07d}"), is_bureau)


DEPARTMENTS = {
    each.key: each
    for each in (
        _department("mps", "000000", "公安部", 1),
        _department("nda", "000000", "国家数据局", 2, is_bureau=True),
        _department("sc_data", "510000", "四川省数据局", 3, is_bureau=True),
        _department("data", "511600", "广安市数据局", 4, is_bureau=True),
        _department("police", "511600", "广安市公安局", 5),
        _department("hrss", "511600", "广安市人力资源和社会保障局", 6),
        _department("housing", "511600", "广安市住房和城乡建设局", 7),
        _department("market", "511600", "广安市市场监督管理局", 8),
    )
}
# These come from the district's real list of departments.
EDUCATION, WINDOW = "区教科体局", "区行政审批局"


@dataclass(frozen=True)
class LogIn:
    """Someone who can sign in. ``department`` is a key of DEPARTMENTS or a district department's name."""

    username: str
    full_name: str
    node: str
    roles: tuple[str, ...]
    department: str = ""
    is_shown: bool = False


LOG_INS = (
    LogIn("mps-officer", "公安部 周数", "000000", ("data_officer",), "mps"),
    LogIn("mps-approver", "公安部 沈批", "000000", ("approver",), "mps", is_shown=True),
    LogIn("nda-approver", "国家数据局 韩批", "000000", ("approver", "operator"), "nda"),
    LogIn("sc-operator", "四川省数据局 唐管", "510000", ("operator",), "sc_data"),
    LogIn("police-officer", "市公安局 罗数", "511600", ("data_officer",), "police"),
    LogIn("police-approver", "市公安局 蒋批", "511600", ("approver",), "police"),
    LogIn("hrss-officer", "市人社局 邓数", "511600", ("data_officer",), "hrss"),
    LogIn("hrss-approver", "市人社局 冯批", "511600", ("approver",), "hrss"),
    LogIn("housing-officer", "市住建局 谢数", "511600", ("data_officer",), "housing"),
    LogIn("housing-approver", "市住建局 曾批", "511600", ("approver",), "housing"),
    LogIn("market-officer", "市市监局 彭数", "511600", ("data_officer",), "market"),
    LogIn("market-approver", "市市监局 萧批", "511600", ("approver",), "market"),
    LogIn("data-approver", "市数据局 田批", "511600", ("approver", "operator"), "data"),
    LogIn("education-officer", "区教科体局 许数", "511600", ("data_officer",), EDUCATION, is_shown=True),
    LogIn("clerk", "政务大厅 李窗", "511600", ("clerk",), WINDOW, is_shown=True),
    LogIn("security", "市数据局 程安", "511600", ("security_officer",), "data", is_shown=True),
    LogIn("auditor", "审计员 高审", "511600", ("auditor",), "data", is_shown=True),
    LogIn("citizen", "", "511600", ("citizen",), is_shown=True),
)


def _item(name: str, label: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "label": label, **more}


@dataclass(frozen=True)
class Table:
    """A resource as its department describes it, and the table that serves it."""

    department: str
    content: dict[str, Any]
    source: str
    table: str


def _table(
    department: str,
    code: str,
    name: str,
    summary: str,
    table: str,
    keys: list[str],
    items: list[dict[str, Any]],
    **more: Any,
) -> Table:
    content = {
        "code": code,
        "name": name,
        "provider": DEPARTMENTS[department].code,
        "summary": summary,
        "items": items,
        "lookups": [keys],
        "sharing_type": "conditional",
        "sharing_condition": "用于办理政务服务事项时核验申请人情况",
        "update_cycle": "daily",
        **more,
    }
    return Table(department, content, table, table)


ID = _item("id_number", "公民身份号码", type="C", length=18, level=3, mask="keep_tail:4", is_key=True)

TABLES = (
    _table(
        "mps",
        "1010010000001/000001",
        "人口基本信息",
        "国家人口基础信息库中自然人的姓名、公民身份号码、出生日期、出生地和户籍地等基本信息（示例为合成数据）。",
        "population",
        ["id_number"],
        [
            ID,
            _item("name", "姓名", length=80, level=2, comparison="name"),
            _item("sex", "性别", length=1, level=1),
            _item("birth_date", "出生日期", type="D", level=2, comparison="date"),
            _item("birthplace", "出生地", length=6, level=2, comparison="prefix6"),
            _item("household_division", "户籍地", length=6, level=2, comparison="prefix6"),
            _item("guardian", "监护人公民身份号码", length=18, level=3, mask="keep_tail:4"),
            _item("ethnicity", "民族", length=20, level=2),
        ],
        keywords=["人口", "身份", "出生"],
    ),
    _table(
        "police",
        "3070511600001/000001",
        "居住证信息",
        "广安市流动人口居住证的签发、居住地和有效期（示例为合成数据）。",
        "residence_permit",
        ["id_number"],
        [
            ID,
            _item("name", "姓名", length=80, level=2, comparison="name"),
            _item("permit_number", "居住证号", length=20, level=2),
            _item("residence_division", "居住地", length=6, level=2, comparison="prefix6"),
            _item("address", "居住地址", length=200, level=3, mask="keep_head:6"),
            _item("valid_from", "有效期起", type="D", level=2, comparison="date"),
            _item("valid_to", "有效期止", type="D", level=2, comparison="date"),
        ],
        keywords=["居住证", "流动人口"],
    ),
    _table(
        "hrss",
        "3070511600002/000001",
        "社会保险参保信息",
        "广安市职工社会保险的参保单位、累计月数和缴费状态（示例为合成数据）。",
        "social_insurance",
        ["id_number"],
        [
            ID,
            _item("name", "姓名", length=80, level=2, comparison="name"),
            _item("employer_uscc", "参保单位统一社会信用代码", length=18, level=1),
            _item("employer_name", "参保单位名称", length=200, level=1),
            _item("insured_months", "累计缴费月数", type="I", level=2),
            _item("last_paid_month", "最近缴费月份", length=7, level=2),
            _item("status", "参保状态", length=20, level=2),
        ],
        keywords=["社保", "参保", "务工"],
    ),
    _table(
        "housing",
        "3070511600003/000001",
        "住房信息",
        "广安市房屋产权、租赁备案和公租房配租情况（示例为合成数据）。",
        "housing",
        ["id_number"],
        [
            ID,
            _item("record_number", "备案号", length=20, level=2),
            _item("kind", "住房类别", length=20, level=2),
            _item("address", "地址", length=200, level=3, mask="keep_head:6"),
            _item("contract_from", "合同起", type="D", level=2, comparison="date"),
            _item("contract_to", "合同止", type="D", level=2, comparison="date"),
        ],
        keywords=["住房", "租赁", "公租房"],
    ),
    _table(
        "market",
        "3070511600004/000001",
        "营业执照信息",
        "广安市个体工商户和企业的登记状态与经营者（示例为合成数据）。",
        "business_licence",
        ["operator_id_number"],
        [
            _item("uscc", "统一社会信用代码", length=18, level=1),
            _item("name", "名称", length=200, level=1),
            _item(
                "operator_id_number",
                "经营者公民身份号码",
                length=18,
                level=3,
                mask="keep_tail:4",
                is_key=True,
            ),
            _item("state", "登记状态", length=20, level=1),
            _item("established_on", "成立日期", type="D", level=1, comparison="date"),
        ],
        keywords=["营业执照", "个体工商户"],
    ),
)
FILES = {
    "population": "population.sqlite3",
    "residence_permit": "residence.sqlite3",
    "social_insurance": "insurance.sqlite3",
    "housing": "housing.sqlite3",
    "business_licence": "licence.sqlite3",
}
COUNTER_APPLICATION = "guangan-one-window"
STRANGER_APPLICATION = "guangan-statistics"
# 专题表: the education bureau's own copy of the business licences, collected every night.
THEME_SOURCE, THEME_TABLE = "education_theme", "enrolment_licences"
THEME_RESOURCE = "3070511600004/000001"
THEME_COLUMNS = {"uscc": "uscc", "name": "company", "state": "state", "established_on": "established_on"}
# 国家基础库: where the ministry gathers what cities send up. 人口专题表: what comes down to the city's bureau.
BASE_APPLICATION, BASE_SOURCE, BASE_TABLE = "national-base", "national_base", "business_licences"
DOWN_RESOURCE, DOWN_TABLE = "1010010000001/000001", "enrolment_population"
DOWN_COLUMNS = {"id_number": "id_number", "name": "name", "birth_date": "born_on"}
