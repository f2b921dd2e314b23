"""What can be refused about people and organisations."""

from guantong.kit.errors import GuantongError


class NotPermitted(GuantongError):
    """The person's roles do not carry the permission."""

    code = "not_permitted"
    status = 403
    zh = "您的岗位没有此项权限（{permission}）。"
    en = "Your post does not carry this permission ({permission})."


class OrganisationUnknown(GuantongError):
    """No organisation is known by that code."""

    code = "organisation_unknown"
    status = 404
    zh = "没有代码为 {organisation} 的机构。"
    en = "No organisation is known by the code {organisation}."
