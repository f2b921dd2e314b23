"""Why something about risks was refused."""

from guantong.kit.errors import GuantongError


class RuleWrong(GuantongError):
    """A rule that cannot be judged by."""

    code = "risk_rule_wrong"
    status = 422
    zh = "规则填写有误：{why}"
    en = "The rule cannot stand like this: {why}"


class RulesWrong(GuantongError):
    """A file of rules that cannot be taken in; ``faults`` has a sentence for each thing that is wrong."""

    code = "risk_rules_wrong"
    status = 422
    zh = "规则文件有误，未导入任何规则：{why}"
    en = "No rule was taken in; the file cannot stand like this: {why}"

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__(why=" ".join(faults))


class GrantRuleWrong(GuantongError):
    """A rule that is about no one grant cannot have other numbers for one."""

    code = "risk_grant_rule_wrong"
    status = 422
    zh = "该规则不针对单项授权，不能为某一授权单独设置。"
    en = "The rule is not about single grants, so none can have it in another wording."


class RuleReasonMissing(GuantongError):
    """A rule is changed, or an alert decided, without saying why."""

    code = "risk_reason_missing"
    status = 422
    zh = "请写明理由。"
    en = "Please give a reason."


class FindingDecided(GuantongError):
    """Somebody else has decided already."""

    code = "risk_alert_decided"
    status = 409
    zh = "该预警已由{who}处理。"
    en = "{who} has dealt with this alert already."


class FindingWithoutGrant(GuantongError):
    """An alert about an application or organisation, which has no one grant to suspend."""

    code = "risk_alert_without_grant"
    status = 409
    zh = "该预警不针对某一项授权，请在授权页面逐项暂停。"
    en = "The alert is not about one grant; suspend the grants on their own pages."


class ExemptionWrong(GuantongError):
    """An exception that would last for ever, or has ended already."""

    code = "risk_exemption_wrong"
    status = 422
    zh = "例外的截止日期应在今天之后、{days} 天之内。"
    en = "The exception ends after today and within {days} days."


class RiskNotPermitted(GuantongError):
    """Neither of the department that gave the grant nor of the bureau."""

    code = "risk_not_permitted"
    status = 403
    zh = "只有授权提供方或数据主管部门中有权限的人员可以处理该预警。"
    en = "Only those with the permission at the grant's provider or the data bureau may deal with this alert."


class CursorMoved(GuantongError):
    """Another worker has judged these receipts meanwhile; the next round begins where it stopped."""

    code = "risk_cursor_moved"
    status = 409
    zh = "这些凭证已由另一进程判定。"
    en = "Another process has judged these receipts."
