"""协议书: the agreement as people read it, a PDF in Chinese with page numbers. The same terms give the same bytes."""

import io
from typing import Any
from xml.sax.saxutils import escape

import msgspec
from django.utils import timezone

from guantong.catalog.types import ResourceContent
from guantong.kit import clock
from guantong.sharing.agreements.words import condition_words, limit_words, mask_words, mode_words
from guantong.sharing.types import PLEDGE, GrantTerms

OBLIGATIONS = (
    "使用方仅可由上列应用、为上列用途、按上列方式使用上列信息项，不得转供第三方，不得用于其他用途。",
    "提供方按目录所列的更新周期保证数据的准确和及时；数据有误的，按更正程序办理。",
    "每次调用由双方节点留存凭证；凭证可供提供方、使用方、数据主管部门和审计机关核验。",
    "提供方或其数据主管部门可以说明理由缩减、暂停或撤销本授权，自公布之时起生效；使用方可以随时缩减或归还。",
    "用途已完成的，使用方应归还本授权，并按规定处置已获得的数据。",
)


def draw(
    terms: dict[str, Any], *, legal_basis: str, pledge: dict[str, Any], approvals: list[dict[str, Any]]
) -> bytes:
    """The document of a grant. ``pledge`` is the body of the consumer's pledge, ``approvals`` who decided before."""
    # Fifteen megabytes that only the process needs that issues a grant.
    from reportlab.platypus import SimpleDocTemplate  # noqa: PLC0415 - as above

    from guantong.sharing.agreements.setting import Numbered, Setter  # noqa: PLC0415

    typed = msgspec.convert(terms, GrantTerms)
    content = msgspec.convert(typed.resource_content, ResourceContent)
    page = Setter()
    labels = {item.name: item.label for item in content.items}
    story = [
        page.title("政务数据共享授权协议"),
        page.centred(f"授权编号　{typed.code}"),
        page.heading("一、双方"),
        page.pairs(
            [
                ("提供方（甲方）", f"{typed.provider_name}（{typed.provider}，节点 {typed.provider_node}）"),
                ("使用方（乙方）", f"{typed.consumer_name}（{typed.consumer}，节点 {typed.consumer_node}）"),
                ("调用应用", "、".join(f"{each.name}（{each.code}）" for each in typed.applications) or "—"),
            ]
        ),
        page.heading("二、信息资源与信息项"),
        page.pairs([("信息资源", f"{content.name}（{typed.resource}，第 {typed.resource_version} 版）")]),
        page.table(
            ["序号", "信息项", "调用名", "使用方所见"],
            [
                [str(n), labels.get(name, name), name, mask_words(typed.masks.get(name, "none"))]
                for n, name in enumerate(typed.fields, 1)
            ],
            widths=(1.2, 5.4, 5.2, 4.6),
        ),
        page.heading("三、使用条件"),
        page.pairs(
            [
                ("用途（事项编码）", typed.purpose),
                ("用途说明", typed.purpose_text),
                ("法律依据", legal_basis or "—"),
                ("使用方式", "、".join(mode_words(mode) for mode in typed.modes)),
                ("行条件", condition_words(typed.condition, labels)),
                ("限额", limit_words(typed)),
                ("期限", f"{_day(typed.not_before)} 至 {_day(typed.not_after)}"),
                ("宽限", _grace(typed.grace_days)),
            ]
        ),
        page.heading("四、双方义务"),
        *[page.body(f"{n}、{text}") for n, text in enumerate(OBLIGATIONS, 1)],
        page.heading("五、使用方承诺"),
        *[page.body(line) for line in pledge.get("text", PLEDGE).strip().splitlines()],
        page.body(f"承诺人：{pledge.get('pledged_by', '—')}　　承诺日期：{_day(pledge.get('at', ''))}"),
        page.heading("六、审批"),
        page.table(
            ["审批机构", "审批人", "结果", "日期", "文号"],
            [
                [
                    each["decider_name"],
                    each["decided_by"],
                    "同意",
                    _day(each["decided_at"] or ""),
                    each["paper_number"] or "—",
                ]
                for each in approvals
            ]
            or [["—", "无条件共享，登记即授权", "—", "—", "—"]],
            widths=(5, 3.4, 1.6, 3, 3.4),
        ),
        page.heading("七、签署"),
        page.body(
            "本协议由双方机构及其所属节点以数字签名签署，签名连同本文书的摘要载于同名的签名声明，可离线核验"
            "（guantong verify）。任何一方另行签署的纸质件按其文号登记，与本协议一并留存。"
        ),
    ]
    out = io.BytesIO()
    SimpleDocTemplate(
        out,
        title=f"政务数据共享授权协议 {typed.code}",
        author=escape(typed.provider_name),
        leftMargin=62,
        rightMargin=62,
        topMargin=62,
        bottomMargin=62,
        invariant=1,
    ).build(story, canvasmaker=Numbered)
    return out.getvalue()


def _grace(days: int) -> str:
    return f"期满前已申请续期而尚未答复的，顺延至多 {days} 天" if days else "无"


def _day(moment: str) -> str:
    """The day in China of an RFC 3339 moment."""
    return f"{timezone.localtime(clock.parse(moment)):%Y-%m-%d}" if moment else "—"
