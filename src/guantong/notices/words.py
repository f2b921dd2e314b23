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
    "request_refused": ("申请 {number} 未获同意：{words}", "Request {number} was refused: {words}"),
}


def sentence(code: str, language: str, details: dict[str, object]) -> str:
    """The notice in a language; a detail that is not there stays open."""
    zh, en = WORDS.get(code, (code, code))
    return (en if language == "en" else zh).format_map(_Open(details))


class _Open(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return "…"
