"""What notices say, by code, in Chinese and English. Braces name details."""

WORDS: dict[str, tuple[str, str]] = {
    "request_to_decide": (
        "{consumer}申请“{resource}”，请于 {due_on} 前审批。",
        "{consumer} asks for “{resource}”; please decide by {due_on}.",
    ),
    "request_due_soon": (
        "{consumer}对“{resource}”的申请将于 {due_on} 到期，请尽快审批。",
        "The request of {consumer} for “{resource}” falls due on {due_on}; please decide soon.",
    ),
    "request_late": (
        "{decider}对申请 {number} 的审批已逾期（应于 {due_on} 前办结），请督办。",
        "{decider} is late with request {number} (due on {due_on}); please look after it.",
    ),
    "request_urged": ("申请 {number} 被督办：{words}", "You are urged about request {number}: {words}"),
    "request_extended": (
        "{decider}将申请 {number} 的审批延至 {due_on}：{words}",
        "{decider} puts off its decision on request {number} until {due_on}: {words}",
    ),
    "request_returned": (
        "申请 {number} 需要补正，请于 {due_on} 前一次补齐：{words}",
        "Request {number} lacks something; please add it by {due_on}: {words}",
    ),
    "request_supplemented": (
        "申请 {number} 已补正，请继续审批。",
        "Request {number} was added to; please go on.",
    ),
    "request_withdrawn": ("{consumer}撤回了申请 {number}。", "{consumer} has withdrawn request {number}."),
    "request_granted": (
        "申请 {number} 已授权，可以调用。",
        "Request {number} was granted; you can call now.",
    ),
    "grant_narrowed": (
        "授权 {code}（{resource}）已缩减：{words}",
        "Grant {code} ({resource}) was narrowed: {words}",
    ),
    "grant_suspended": (
        "授权 {code}（{resource}）已暂停：{words}",
        "Grant {code} ({resource}) is suspended: {words}",
    ),
    "grant_resumed": (
        "授权 {code}（{resource}）已恢复：{words}",
        "Grant {code} ({resource}) is in force again: {words}",
    ),
    "grant_prolonged": (
        "授权 {code}（{resource}）已续期至 {until}。",
        "Grant {code} ({resource}) was prolonged until {until}.",
    ),
    "grant_graced": (
        "授权 {code}（{resource}）的续期尚未答复，截止时间现为 {until}。",
        "The renewal of grant {code} ({resource}) waits; it ends on {until} now.",
    ),
    "grant_ended": (
        "授权 {code}（{resource}）已终止：{words}",
        "Grant {code} ({resource}) has ended: {words}",
    ),
    "grant_revoked": (
        "授权 {code}（{resource}）已撤销：{words}",
        "Grant {code} ({resource}) was revoked: {words}",
    ),
    "grant_expiring": (
        "授权 {code}（{resource}）将于 {until} 到期，如仍需使用请申请续期。",
        "Grant {code} ({resource}) ends on {until}; renew it if you still need it.",
    ),
    "grant_unused": (
        "授权 {code}（{resource}）已 {days} 天无人使用，如不再需要请归还。",
        "Nobody has used grant {code} ({resource}) for {days} days; give it back if you need it no longer.",
    ),
    "risk_raised": (
        "预警“{name_zh}”（{about}）：{words_zh}",
        "Alert “{name_en}” ({about}): {words_en}",
    ),
    "request_refused": ("申请 {number} 未获同意：{words}", "Request {number} was refused: {words}"),
    "correction_to_answer": (
        "{asker}对“{resource}”提出校核 {number}，请于 {due_on} 前答复。",
        "{asker} reports something wrong in “{resource}” ({number}); please answer by {due_on}.",
    ),
    "correction_due_soon": (
        "校核 {number}（“{resource}”）将于 {due_on} 到期，请尽快答复。",
        "Correction {number} (“{resource}”) falls due on {due_on}; please answer soon.",
    ),
    "correction_late": (
        "{provider}对校核 {number} 的答复已逾期（应于 {due_on} 前），请督办。",
        "{provider} is late with correction {number} (due on {due_on}); please look after it.",
    ),
    "correction_returned": ("校核 {number} 需要补充：{words}", "Correction {number} needs more: {words}"),
    "correction_corrected": (
        "校核 {number}：提供方已在源头更正，请评价。{words}",
        "Correction {number}: put right at its source; please judge the answer. {words}",
    ),
    "correction_rejected": (
        "校核 {number} 未被采纳：{words}",
        "Correction {number} was not accepted: {words}",
    ),
    "value_corrected": (
        "“{resource}”的“{item}”有数据经校核更正（{number}），请重新查询核验。",
        "Data of “{resource}” ({item}) was put right ({number}); please ask again.",
    ),
    "dispute_raised": (
        "{asker}对“{resource}”的答复提出争议 {number}，请于 {due_on} 前协商。",
        "{asker} disputes the answer on “{resource}” ({number}); please talk by {due_on}.",
    ),
    "dispute_to_rule": (
        "争议 {number}（{asker}与{provider}，“{resource}”）请于 {due_on} 前裁定。",
        "Dispute {number} ({asker} and {provider}, “{resource}”): please decide by {due_on}.",
    ),
    "dispute_said": ("争议 {number}，{who}：{words}", "Dispute {number}, {who}: {words}"),
    "dispute_settled": ("争议 {number} 已协商一致：{words}", "Dispute {number} was settled: {words}"),
    "dispute_conceded": (
        "争议 {number}：{who}同意重新办理。{words}",
        "Dispute {number}: {who} will answer anew. {words}",
    ),
    "dispute_taken_up": (
        "争议 {number} 已提请上一环节处理：{words}",
        "Dispute {number} was taken up to the next who decides: {words}",
    ),
    "dispute_ruled": (
        "争议 {number} 已由{who}裁定：{words}",
        "Dispute {number} was decided by {who}: {words}",
    ),
    "dispute_carried_out": ("争议 {number} 的裁定已执行：{words}", "Dispute {number}: carried out. {words}"),
    "dispute_withdrawn": ("争议 {number} 已撤回：{words}", "Dispute {number} was withdrawn: {words}"),
    "dispute_late": (
        "争议 {number} 的处理已逾期（应于 {due_on} 前）。",
        "Dispute {number} is late (due on {due_on}).",
    ),
    "ruling_not_carried_out": (
        "{provider}未执行争议 {number} 的裁定（应于 {due_on} 前），请督办。",
        "{provider} has not carried out the decision on dispute {number} (due on {due_on}); please look after it.",
    ),
}

KINDS: dict[str, tuple[str, str]] = {
    "request": ("申请与审批", "requests and approvals"),
    "grant": ("授权与协议", "grants and agreements"),
    "correction": ("数据校核", "corrections"),
    "dispute": ("争议", "disputes"),
    "risk": ("预警", "alerts"),
    "other": ("其他", "everything else"),
}
"""What people choose by: notices of one kind go the same ways."""
_KIND_OF = {"value": "correction", "ruling": "dispute", "agreement": "grant", "pledge": "grant"}


def kind_of(code: str) -> str:
    """The kind of a notice, by the first word of its code."""
    first = code.partition("_")[0]
    kind = _KIND_OF.get(first, first)
    return kind if kind in KINDS else "other"


def sentence(code: str, language: str, details: dict[str, object]) -> str:
    """The notice in a language; a detail that is not there stays open."""
    zh, en = WORDS.get(code, (code, code))
    return (en if language == "en" else zh).format_map(_Open(details))


class _Open(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return "…"
