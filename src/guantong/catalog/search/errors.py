"""What can be refused about searching."""

from guantong.kit.errors import GuantongError


class SearchIndexMissing(GuantongError):
    """There is no index yet, or it cannot be read; the database answers meanwhile."""

    code = "search_index_missing"
    status = 503
    zh = "目录索引尚未建好，正在重建；期间改用数据库查找。"
    en = "The catalogue's index is not ready and is being rebuilt; meanwhile the database is searched."


class CursorUnreadable(GuantongError):
    """The place to go on from is not one that this search gave."""

    code = "cursor_unreadable"
    status = 400
    zh = "翻页位置无法识别，请从第一页重新查找。"
    en = "The place to go on from cannot be read; search again from the first page."


class SearchUnreadable(GuantongError):
    """A parameter of the search has a value that it cannot have."""

    code = "search_unreadable"
    status = 400
    zh = "查找条件有误：{what}。"
    en = "The search cannot be read: {what}."


class SavedSearchUnknown(GuantongError):
    """The visitor has saved no such search."""

    code = "saved_search_unknown"
    status = 404
    zh = "没有这个已保存的查找。"
    en = "There is no such saved search."


class SearchServerFailed(GuantongError):
    """The search server (OpenSearch) refused, or answered what cannot be understood."""

    code = "search_server_failed"
    status = 502
    zh = "检索服务器未能答复（{status}）。"
    en = "The search server did not answer properly ({status})."
