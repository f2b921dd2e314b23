"""Why a link is not made, or cannot be looked at."""

from guantong.kit.errors import GuantongError


class LinkUnfit(GuantongError):
    """What was mapped does not fit what stands there."""

    code = "link_unfit"
    status = 422
    zh = "挂接不成立：{why_zh}。"
    en = "The link does not hold: {why_en}."


class NothingLinked(GuantongError):
    """The entry is linked to nothing."""

    code = "nothing_linked"
    status = 404
    zh = "信息资源 {resource} 未挂接数据。"
    en = "Resource {resource} is linked to no data."
