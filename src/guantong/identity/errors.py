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


class OrganisationOfAnotherNode(GuantongError):
    """The code belongs to an organisation of another node, which alone may speak of it."""

    code = "organisation_of_another_node"
    status = 409
    zh = "机构代码 {organisation} 属于节点 {node}，其他节点不得登记或改名。"
    en = "The code {organisation} belongs to an organisation of node {node}; no other node may claim or rename it."


class OrganisationNameTaken(GuantongError):
    """Another organisation of the node has that name in that division."""

    code = "organisation_name_taken"
    status = 409
    zh = "该行政区划内已有名为“{name}”的机构（代码 {organisation}）。"
    en = "An organisation named “{name}” exists in that division already (code {organisation})."


class OrganisationCodeTaken(GuantongError):
    """Another department has that code already; an imported row that repeats it gets a provisional one."""

    code = "organisation_code_taken"
    status = 409
    zh = "机构代码 {organisation} 已属于“{name}”。"
    en = "The code {organisation} belongs to “{name}” already."


class ColumnMissing(GuantongError):
    """An imported file has no column of that name."""

    code = "column_missing"
    status = 422
    zh = "文件缺少列：{columns}。"
    en = "The file lacks the columns: {columns}."


class ApplicationCodeTaken(GuantongError):
    """The identifier belongs to another organisation's application."""

    code = "application_code_taken"
    status = 409
    zh = "应用标识 {application} 已被其他机构使用。"
    en = "The application identifier {application} is in use by another organisation."


class ApplicationWrong(GuantongError):
    """An application's key or clearance cannot be registered."""

    code = "application_wrong"
    status = 422
    zh = "应用登记信息有误：{why_zh}。"
    en = "The application cannot be registered: {why_en}."


class ApplicationOfAnother(GuantongError):
    """Secrets and names of an application are its own department's, or the node operator's, to set."""

    code = "application_of_another"
    status = 403
    zh = "应用 {application} 的密钥和标识由其所属部门或节点管理员维护。"
    en = "The secret and names of application {application} are kept by its own department or the node's operator."


class OverlapWrong(GuantongError):
    """A former secret cannot be good for so long beside the new one."""

    code = "overlap_wrong"
    status = 422
    zh = "新旧密钥并用的天数应为 0 至 {most}。"
    en = "A former secret may be good beside the new one for 0 to {most} days."


class FormerSecretsFull(GuantongError):
    """Too many former secrets are good at once."""

    code = "former_secrets_full"
    status = 409
    zh = "应用 {application} 已有 {most} 个旧密钥仍有效，请先结束其中一个。"
    en = "Application {application} has {most} former secrets that are still good; end one of them first."


class ApplicationKeysFull(GuantongError):
    """An application has two keys already."""

    code = "application_keys_full"
    status = 409
    zh = "应用 {application} 已有两个公钥，请先停用其中一个。"
    en = "Application {application} has two public keys already; take one of them away first."


class ApplicationKeyStays(GuantongError):
    """The key is not one of two of the application."""

    code = "application_key_stays"
    status = 409
    zh = "应用 {application} 只有一个公钥，或没有标识为 {key} 的公钥。"
    en = "Application {application} has a single public key, or none with the id {key}."


class RidWrong(GuantongError):
    """A requester identifier that the national convention's headers cannot carry."""

    code = "rid_wrong"
    status = 422
    zh = "请求者标识应为 4 至 100 个字母、数字或 . _ : @ -。"
    en = "A requester identifier has 4 to 100 letters, digits or . _ : @ -."


class RidTaken(GuantongError):
    """Another application has that requester identifier."""

    code = "rid_taken"
    status = 409
    zh = "请求者标识 {rid} 已属于其他应用。"
    en = "The requester identifier {rid} belongs to another application."


class RoleUnknown(GuantongError):
    """No such role exists."""

    code = "role_unknown"
    status = 422
    zh = "没有名为 {role} 的角色。"
    en = "There is no role named {role}."


class SignInLocked(GuantongError):
    """Too many wrong passwords for this account or from this address."""

    code = "sign_in_locked"
    status = 429
    zh = "登录失败次数过多，请 {minutes} 分钟后再试；如非本人操作，请联系节点管理员。"
    en = "Too many failed attempts. Try again in {minutes} minutes; if it was not you, tell the node's operator."


class CalendarWrong(GuantongError):
    """A line of a calendar cannot be read."""

    code = "calendar_wrong"
    status = 422
    zh = "日历第 {line} 行有误：{why_zh}。"
    en = "Line {line} of the calendar is wrong: {why_en}."


class NotYourCalendar(GuantongError):
    """Calendar and quiet hours are the node's."""

    code = "not_your_calendar"
    status = 403
    zh = "日历和静默时段由本节点数据主管部门维护。"
    en = "The calendar and the quiet hours are kept by this node's data bureau."
