"""Synthetic catalogue entries, seeded and labelled so: real divisions and service items, made-up departments.

``entries(n)`` yields the same ``n`` entries for the same seed. Every summary begins with （合成数据）, every
department is marked synthetic. Names are made of what real catalogues are made of: a division, a department's trade
or a real service item, and a data noun.
"""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SEED = 7
DATA = Path(__file__).parents[1] / "examples" / "guangan"
LABEL = "（合成数据）"
SYNTHETIC_CODE = "SYN"

TRADES = {
    "公安局": [
        "居民身份信息",
        "户籍",
        "居住证",
        "机动车",
        "驾驶证",
        "出入境证件",
        "流动人口",
        "旅馆住宿",
        "无犯罪记录",
    ],
    "教育局": [
        "学籍",
        "中小学校",
        "教师资格",
        "义务教育入学",
        "学生资助",
        "民办学校办学许可",
        "高考报名",
        "幼儿园",
    ],
    "民政局": [
        "婚姻登记",
        "最低生活保障",
        "特困人员供养",
        "社会组织",
        "养老机构",
        "地名",
        "高龄津贴",
        "孤儿",
    ],
    "人力资源和社会保障局": [
        "社会保险参保",
        "就业登记",
        "失业登记",
        "职业资格证书",
        "劳动合同备案",
        "社会保障卡",
        "养老金发放",
    ],
    "市场监督管理局": [
        "企业基本",
        "个体工商户登记",
        "食品经营许可",
        "特种设备",
        "行政处罚",
        "产品质量抽查",
        "计量器具检定",
        "药品经营许可",
    ],
    "卫生健康局": [
        "医疗机构",
        "医师执业",
        "出生医学证明",
        "传染病报告",
        "预防接种",
        "护士执业",
        "公共场所卫生许可",
    ],
    "住房和城乡建设局": [
        "商品房预售许可",
        "建筑工程施工许可",
        "房屋租赁",
        "物业企业",
        "公租房",
        "建筑业企业资质",
        "燃气经营许可",
    ],
    "自然资源和规划局": [
        "不动产登记",
        "建设用地规划许可",
        "土地出让",
        "矿业权",
        "测绘资质",
        "地质灾害隐患点",
        "宗地",
    ],
    "生态环境局": [
        "排污许可",
        "环境影响评价审批",
        "空气质量监测",
        "水质监测",
        "危险废物经营许可",
        "重点污染源",
    ],
    "交通运输局": ["道路运输经营许可", "公交线路", "网约车", "公路桥梁", "船舶登记", "出租汽车"],
    "农业农村局": [
        "土地承包经营权",
        "农机购置补贴",
        "兽药经营许可",
        "农民专业合作社",
        "农产品质量检测",
        "种子经营",
    ],
    "医疗保障局": ["医保参保", "医保定点机构", "医保结算", "门诊慢特病", "生育保险"],
    "税务局": ["纳税人登记", "欠税公告", "纳税信用等级", "发票领用", "完税证明"],
    "应急管理局": ["安全生产许可", "危险化学品经营", "应急物资", "应急避难场所", "生产安全事故"],
    "司法局": ["律师执业", "公证", "法律援助", "社区矫正", "人民调解"],
    "财政局": ["政府采购", "惠民补贴发放", "预算公开", "非税收入", "会计从业"],
    "水利局": ["取水许可", "水库大坝", "河道采砂许可", "水资源", "雨量监测"],
    "文化广电旅游局": ["文物保护单位", "旅行社", "娱乐场所经营许可", "图书馆", "星级饭店"],
    "发展和改革局": ["投资项目备案", "公共信用", "价格监测", "粮食储备", "重点项目"],
    "统计局": ["人口普查", "经济普查", "国内生产总值", "规模以上工业", "居民消费价格指数"],
    "残疾人联合会": ["残疾人证", "残疾人补贴", "辅助器具适配", "残疾人就业"],
    "退役军人事务局": ["退役军人", "优抚对象", "烈士纪念设施"],
    "气象局": ["气象预警", "气象观测", "防雷装置检测"],
    "住房公积金管理中心": ["公积金缴存", "公积金贷款", "公积金提取"],
}
NOUNS = ["信息", "基本信息", "登记信息", "明细数据", "统计数据", "办理结果", "名录", "台账", "审批信息", "监管信息",
         "年度汇总", "变更记录", "注销信息", "电子证照", "空间数据", "目录清单"]  # fmt: skip
LABELS = ["姓名", "性别", "民族", "出生日期", "公民身份号码", "联系电话", "居住地址", "户籍地址", "单位名称", "统一社会信用代码",
          "法定代表人", "注册资本", "成立日期", "经营范围", "许可证编号", "发证机关", "发证日期", "有效期起", "有效期止", "状态",
          "行政区划代码", "经度", "纬度", "面积", "金额", "数量", "办理日期", "办理结果", "经办人", "受理编号", "证件类型",
          "登记机关", "登记日期", "变更事项", "变更日期", "注销日期", "注销原因", "处罚决定书文号", "违法行为类型", "处罚依据",
          "检查日期", "检查结论", "车牌号", "车辆类型", "发动机号", "学校名称", "年级", "班级", "学籍号", "参保日期", "缴费基数",
          "缴费月数", "待遇类型", "发放金额", "开户银行", "银行账号", "项目名称", "项目编号", "建设单位", "施工单位", "监理单位",
          "不动产单元号", "权利人", "用途", "使用期限", "监测点位", "监测时间", "浓度", "数据来源", "更新时间"]  # fmt: skip


@dataclass(frozen=True)
class Department:
    """A made-up department of a real division."""

    code: str
    name: str
    division: str
    trade: str


@cache
def divisions() -> list[tuple[str, str]]:
    """Twelve digits and the full name of provinces, cities and counties."""
    places: dict[str, str] = {}
    for name, digits in (("provinces", 2), ("cities", 4), ("areas", 6)):
        for code, place in _rows(f"divisions/{name}.csv", digits).items():
            places.setdefault(code.ljust(12, "0"), place)
    return sorted(places.items())


def _rows(name: str, digits: int) -> dict[str, str]:
    with (DATA / name).open(encoding="utf-8") as file:
        return {row["code"]: row["name"] for row in csv.DictReader(file) if len(row["code"]) == digits}


@cache
def service_items() -> list[str]:
    """Names of real service items, without what stands in brackets."""
    with next((DATA / "service-items").glob("*.csv")).open(encoding="utf-8") as file:
        names = (row["name"].partition("（")[0].strip() for row in csv.DictReader(file))
        return sorted({name for name in names if 4 <= len(name) <= 30})


def departments(n: int, seed: int = SEED) -> list[Department]:
    """So many departments, spread over divisions and trades; at least one."""
    drawn = random.Random(seed)
    places, trades = divisions(), sorted(TRADES)
    pairs = [(place, trade) for place in places for trade in trades]
    drawn.shuffle(pairs)
    return [
        Department(f"{SYNTHETIC_CODE}{i:06d}", f"{name}{trade}", code, trade)
        for i, ((code, name), trade) in enumerate(pairs[: max(1, n)])
    ]


def entries(n: int, seed: int = SEED) -> Iterator[tuple[Department, dict[str, Any]]]:
    """``n`` entries, each with its department, as the catalogue's content."""
    drawn = random.Random(seed)
    # As in the programme's own report: about 60 entries a department, very unevenly.
    owners = departments(max(1, n // 60), seed)
    for number in range(n):
        owner = owners[min(int(drawn.paretovariate(0.6)) - 1, len(owners) * 50) % len(owners)]
        yield owner, _content(drawn, owner, number)


def _content(drawn: random.Random, owner: Department, number: int) -> dict[str, Any]:
    place = owner.name.removesuffix(owner.trade)
    subject = drawn.choice(TRADES[owner.trade]) if drawn.random() < 0.6 else drawn.choice(service_items())
    noun = drawn.choice(NOUNS)
    sharing = drawn.choices(["unconditional", "conditional", "not_shared"], [45, 50, 5])[0]
    labels = drawn.sample(LABELS, drawn.randint(5, 16))
    return {
        "code": f"{drawn.choice('123333')}{owner.division[:6]}{number % 1000:03d}/{number:06d}",
        "name": f"{place}{subject}{noun}" if drawn.random() < 0.7 else f"{subject}{noun}",
        "provider": owner.code,
        "summary": f"{LABEL}{owner.name}在办理{subject}业务过程中产生的{noun}，包括{labels[0]}、{labels[1]}、{labels[2]}等，"
        f"供有关部门依法核验和统计使用。",
        "format": drawn.choices(["database", "interface", "file"], [6, 2, 2])[0],
        "items": [
            {"name": f"f{i}", "label": label, "level": drawn.randint(1, 3)} for i, label in enumerate(labels)
        ],
        "sharing_type": sharing,
        "sharing_condition": "依职责办理政务服务事项" if sharing == "conditional" else "",
        "sharing_basis": "《中华人民共和国统计法》第二十五条" if sharing == "not_shared" else "",
        "is_open": sharing == "unconditional" and drawn.random() < 0.4,
        "update_cycle": drawn.choice(
            ["real_time", "daily", "weekly", "monthly", "quarterly", "yearly", "irregular"]
        ),
        "keywords": [subject[:12], owner.trade.removesuffix("局")],
    }


# The mixed list that every engine answers: short, long, rare, very common, traditional, pinyin is for suggestions.
QUERIES = [
    "信息", "登记", "居住证", "居住證", "不动产登记", "企业", "公安局", "市公安局", "公安部门", "身份证",
    "医保", "教师资格", "食品经营许可", "排污许可证", "特种设备检验", "广安市", "广安市公安局居住证信息", "四川 学籍",
    "浓度", "无犯罪记录", "Ａ类娱乐场所", "气象预警", "社会保险參保登記", "统计数据", "年度汇总", "证",
    "在办理不动产登记业务过程中产生的登记信息", "残疾人证办理结果 有效期止", "网约车 处罚决定书文号", "建筑工程施工许可 监理单位",
    "公积金贷款", "水库大坝", "烈士纪念设施", "惠民补贴发放明细数据", "人口", "监管信息", "3511602", "电子证照 发证日期",
    "住房城乡建设部门", "没有这样的目录啊",
]  # fmt: skip
FILTERS: list[dict[str, list[str]]] = [
    {},
    {"sharing": ["conditional"]},
    {"region": ["51"]},
    {"open": ["yes"], "format": ["interface", "file"]},
]
