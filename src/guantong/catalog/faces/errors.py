"""What programs are told that ask for what is not there."""

from guantong.kit.errors import GuantongError


class ParameterUnknown(GuantongError):
    """The address has a parameter that this resource does not know."""

    code = "parameter_unknown"
    status = 400
    zh = "不支持参数 {name}，可用的有：{known}。"
    en = "There is no parameter {name}; there are: {known}."


class ParameterWrong(GuantongError):
    """A parameter's value cannot be read."""

    code = "parameter_wrong"
    status = 400
    zh = "参数 {name} 的值无法识别：应为 {wanted_zh}。"
    en = "The parameter {name} cannot be read; wanted is {wanted_en}."


class ResourceWithdrawn(GuantongError):
    """The entry was published once and has been taken off the catalogue."""

    code = "resource_withdrawn"
    status = 410
    zh = "信息资源 {resource} 已下线。"
    en = "Resource {resource} has been withdrawn."


class VersionUnknown(GuantongError):
    """The entry has no version of that number."""

    code = "version_unknown"
    status = 404
    zh = "信息资源 {resource} 没有第 {version} 版。"
    en = "Resource {resource} has no version {version}."


class FormNotOffered(GuantongError):
    """The asker takes none of the forms that there are."""

    code = "form_not_offered"
    status = 406
    zh = "可提供的格式为：{offered}。"
    en = "It can be had as: {offered}."
