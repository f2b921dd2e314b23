"""What can be refused about notices."""

from guantong.kit.errors import GuantongError


class WebhookNotAllowed(GuantongError):
    """The address is not one to which the operator lets notices go."""

    code = "webhook_not_allowed"
    status = 422
    zh = "本节点不允许向 {origin} 发送通知，请联系节点管理员。"
    en = "This node sends no notices to {origin}; ask its operator."


class MailMissing(GuantongError):
    """E-mail was chosen without an address."""

    code = "mail_missing"
    status = 422
    zh = "请填写电子邮箱。"
    en = "Please give an e-mail address."
