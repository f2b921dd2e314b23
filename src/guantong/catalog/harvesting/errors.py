"""Why a source is not read."""

from guantong.kit.errors import GuantongError


class SourceUnknown(GuantongError):
    """The node's sources file has no such name, or its address is of no database we read."""

    code = "harvest_source_unknown"
    status = 404
    zh = "sources.json 中没有可读取的数据源 {source}（支持 PostgreSQL、MySQL/MariaDB、SQLite）。"
    en = "sources.json has no source {source} that can be read (PostgreSQL, MySQL/MariaDB, SQLite)."


class SourceFailed(GuantongError):
    """The source did not answer, or refused."""

    code = "harvest_source_failed"
    status = 502
    zh = "数据源 {source} 无法读取：连接失败、超时或权限不足。请核对地址、口令和只读权限。"
    en = "The source {source} cannot be read: no connection, too slow, or no right to. Check address and rights."
