"""Why a picture cannot be drawn."""

from guantong.kit.errors import GuantongError


class StartUnknown(GuantongError):
    """There is no such thing, or the visitor may not see it; which of both is not told."""

    code = "lineage_start_unknown"
    status = 404
    zh = "没有 {start}，或您无权查看。写法如 entry:3070511600001/000001。"
    en = "There is no {start}, or it is not for you to see. Write it as entry:3070511600001/000001."
