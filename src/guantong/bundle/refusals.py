"""Every way in which a call is refused: a code for programs, a sentence for people in both languages."""

from guantong.kit.errors import GuantongError


class Refusal(GuantongError):
    """A call that is refused by rule."""

    code = "refused"
    status = 403
    zh = "调用被拒绝。"
    en = "The call is refused."


# ── who calls ──


class CallerNodeUnknown(Refusal):
    """The consumer's node is not one of ours."""

    code = "caller_node_unknown"
    zh = "节点 {node} 未登记。"
    en = "The node {node} is not registered."


class ApplicationUnknown(Refusal):
    """This node's bundle does not know the application."""

    code = "application_unknown"
    zh = "应用 {application} 未登记。"
    en = "The application {application} is not registered."


class ApplicationNotOfCaller(Refusal):
    """The application belongs to another organisation or node than the call says."""

    code = "application_not_of_caller"
    zh = "应用 {application} 不属于该调用机构或节点。"
    en = "The application {application} does not belong to the calling organisation or node."


class ApplicationInactive(Refusal):
    """The application is switched off."""

    code = "application_inactive"
    zh = "应用 {application} 已停用。"
    en = "The application {application} is not active."


# ── what is asked ──


class ResourceUnknown(Refusal):
    """No such resource in the bundle."""

    code = "resource_unknown"
    status = 404
    zh = "资源 {resource} 不存在。"
    en = "There is no resource {resource}."


class GrantUnknown(Refusal):
    """No such grant in the bundle."""

    code = "grant_unknown"
    zh = "授权 {grant} 不存在。"
    en = "There is no grant {grant}."


class GrantNotForCall(Refusal):
    """The grant is for another resource, organisation, application or node."""

    code = "grant_not_for_call"
    zh = "授权 {grant} 不适用于本次调用的资源、机构或应用。"
    en = "The grant {grant} is not for this resource, organisation or application."


class GrantNotStarted(Refusal):
    """The grant begins later."""

    code = "grant_not_started"
    zh = "授权 {grant} 尚未生效。"
    en = "The grant {grant} is not yet in force."


class GrantExpired(Refusal):
    """The grant has ended."""

    code = "grant_expired"
    zh = "授权 {grant} 已到期。"
    en = "The grant {grant} has expired."


class GrantSuspended(Refusal):
    """The grant is suspended."""

    code = "grant_suspended"
    zh = "授权 {grant} 已暂停。"
    en = "The grant {grant} is suspended."


class GrantRevoked(Refusal):
    """The grant was taken back."""

    code = "grant_revoked"
    zh = "授权 {grant} 已撤销。"
    en = "The grant {grant} has been revoked."


class PurposeNotGranted(Refusal):
    """The stated purpose is not the one the grant was given for."""

    code = "purpose_not_granted"
    zh = "授权 {grant} 不得用于所声明的用途。"
    en = "The grant {grant} is not for the stated purpose."


class ModeNotGranted(Refusal):
    """Only the other way of asking (query or verify) is granted."""

    code = "mode_not_granted"
    zh = "授权 {grant} 不允许 {mode} 方式。"
    en = "The grant {grant} does not allow the mode {mode}."


class FieldsNotGranted(Refusal):
    """Fields beyond the grant."""

    code = "fields_not_granted"
    zh = "授权 {grant} 不包括信息项：{fields}。"
    en = "The grant {grant} does not include: {fields}."


class LevelAboveClearance(Refusal):
    """强制访问控制: an item's level is above the application's clearance; no grant overrides that."""

    code = "level_above_clearance"
    zh = "信息项 {fields} 的级别高于应用的许可级别。"
    en = "The level of {fields} is above the clearance of the application."


class KeysNotDeclared(Refusal):
    """The resource cannot be looked up by this combination of keys."""

    code = "keys_not_declared"
    status = 422
    zh = "资源 {resource} 不能按 {keys} 查找。"
    en = "The resource {resource} cannot be looked up by {keys}."


class AnswerNotDivisible(Refusal):
    """The service answers in one piece, and the grant leaves something out of it or masks it."""

    code = "answer_not_divisible"
    zh = "授权 {grant} 未包括全部信息项，或有脱敏、行条件，而该服务的返回内容无法拆分。"
    en = "The grant {grant} leaves out, masks or filters something of an answer that cannot be divided."


class LimitReached(Refusal):
    """A limit of the grant is used up for now; ``retry_after_s`` says for how long."""

    status = 429


class RateExceeded(LimitReached):
    """Too many calls in this second."""

    code = "rate_exceeded"
    zh = "授权 {grant} 每秒至多 {limit} 次，请稍后再试。"
    en = "The grant {grant} allows {limit} calls a second; try again shortly."


class ConcurrencyExceeded(LimitReached):
    """Too many calls at the same time."""

    code = "concurrency_exceeded"
    zh = "授权 {grant} 同时至多 {limit} 次调用，请待前面的调用结束后再试。"
    en = "The grant {grant} allows {limit} calls at the same time; try again when one has ended."


class QuotaExceeded(LimitReached):
    """Too many calls today."""

    code = "quota_exceeded"
    zh = "授权 {grant} 每日至多 {limit} 次，今日已用完。"
    en = "The grant {grant} allows {limit} calls a day; today's are used up."


class VolumeExceeded(LimitReached):
    """Too many rows today."""

    code = "volume_exceeded"
    zh = "授权 {grant} 每日至多 {limit} 行，今日已用完。"
    en = "The grant {grant} allows {limit} rows a day; today's are used up."


class KeyLimitExceeded(LimitReached):
    """The same person or thing was looked up too often today."""

    code = "key_limit_exceeded"
    zh = "授权 {grant} 对同一对象每日至多查询 {limit} 次，今日已用完。"
    en = "The grant {grant} allows {limit} look-ups of one and the same key a day; today's are used up."


class TooManyRows(Refusal):
    """More rows than the grant lets out; nothing is cut off silently."""

    code = "too_many_rows"
    status = 422
    zh = "结果超过授权 {grant} 允许的 {limit} 行，请缩小查询条件。"
    en = "There are more rows than the {limit} that the grant {grant} allows; narrow the keys."
