"""What can be refused about data elements and their sources."""

from guantong.kit.errors import GuantongError


class ElementUnknown(GuantongError):
    """No data element has that identifier."""

    code = "element_unknown"
    status = 404
    zh = "没有编号为 {element} 的数据元。"
    en = "No data element has the identifier {element}."


class ElementWrong(GuantongError):
    """A claim that cannot be: the entry has no such item, or is not live."""

    code = "element_claim_wrong"
    status = 422
    zh = "不能认领：{why_zh}。"
    en = "This cannot be claimed: {why_en}."


class SourceTaken(GuantongError):
    """The element has its one authoritative source already; a dispute needs a reason."""

    code = "element_source_taken"
    status = 409
    zh = "数据元「{element}」已有数源部门 {holder}（一数一源）。如有异议，请写明理由提出争议。"
    en = "{holder} is the one source of {element} already. To contest that, state your reason as a dispute."


class RevisionTaken(GuantongError):
    """A revision of a code list was taken in before, with other codes."""

    code = "codes_revision_taken"
    status = 409
    zh = "{standard} 的 {revision} 版已经收入，内容不同。请使用新的版本号。"
    en = "Revision {revision} of {standard} was taken in already, with other codes; give this one another name."


class CodesKeptAbove(GuantongError):
    """A code list that a node above keeps."""

    code = "codes_kept_above"
    status = 409
    zh = "{standard} 由上级节点维护，本节点不能修订。"
    en = "{standard} is kept by a node above and cannot be revised here."
