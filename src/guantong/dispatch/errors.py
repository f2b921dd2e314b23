"""What can be refused about targets, jobs and orders."""

from guantong.kit.errors import GuantongError


class RemoteJobWrong(GuantongError):
    """What another node tells of a job does not hold together."""

    code = "remote_job_wrong"
    status = 422
    zh = "对方节点关于作业 {job} 的消息不成立：{why_zh}。"
    en = "What the other node says of the job {job} does not hold: {why_en}."


class DeclarationUnreadable(GuantongError):
    """A value of the declaration has the wrong form."""

    code = "declaration_unreadable"
    status = 422
    zh = "填写的内容无法识别：{why}。"
    en = "The declaration cannot be read: {why}."


class JobIncomplete(GuantongError):
    """The job lacks something; everything that is missing is told at once."""

    code = "job_incomplete"
    status = 422
    zh = "作业设置不全，请一次补正：{missing_zh}。"
    en = "The job is incomplete; please add: {missing_en}."


class JobItemsUnknown(GuantongError):
    """Keys, watermark, conversions or checks name items that the resource does not have."""

    code = "job_items_unknown"
    status = 422
    zh = "{where_zh}引用了目录中没有的信息项：{items}。"
    en = "The {where_en} names items that the resource does not have: {items}."


class CheckWrong(GuantongError):
    """A quality check contradicts itself."""

    code = "check_wrong"
    status = 422
    zh = "质量规则 {rule}（{items}）有误：{why_zh}。"
    en = "The check {rule} ({items}) is wrong: {why_en}."


class WritingWrong(GuantongError):
    """Reading, writing, key and watermark do not go together."""

    code = "writing_wrong"
    status = 422
    zh = "读写方式有误：{why_zh}。"
    en = "Reading and writing do not go together: {why_en}."


class ScheduleWrong(GuantongError):
    """The timetable or the dependencies make no sense."""

    code = "schedule_wrong"
    status = 422
    zh = "运行时间有误：{why_zh}。"
    en = "The timetable is wrong: {why_en}."


class TargetWrong(GuantongError):
    """The target's columns do not fit."""

    code = "target_wrong"
    status = 422
    zh = "落地表有误：{why_zh}。"
    en = "The target is wrong: {why_en}."


class TargetNotYours(GuantongError):
    """Data may only land with the organisation that the grant was given to."""

    code = "target_not_yours"
    status = 403
    zh = "落地表 {target} 不属于获得授权的机构，数据不得落到他处。"
    en = "The target {target} is not the grantee's; data may land nowhere else."


class ApplicationNotGranted(GuantongError):
    """The application is not named in the grant, or is not registered and active at this node."""

    code = "application_not_granted"
    status = 403
    zh = "应用 {application} 未登记、已停用或不在授权 {grant} 之内。"
    en = "The application {application} is not registered, not active, or not named in grant {grant}."


class NotYourJob(GuantongError):
    """Only the organisation that a grant was given to, or the node's data bureau, handles its jobs."""

    code = "not_your_job"
    status = 403
    zh = "作业只能由获得授权的机构或本节点数据主管部门办理。"
    en = "Only the grantee or this node's data bureau handles the job."


class JobStateWrong(GuantongError):
    """The order does not fit the job's state."""

    code = "job_state_wrong"
    status = 409
    zh = "作业 {job} 当前为「{state}」，不能执行该操作。"
    en = "The job {job} is {state_en}; this cannot be done now."


class NothingToCancel(GuantongError):
    """No run stands open."""

    code = "nothing_to_cancel"
    status = 409
    zh = "作业 {job} 没有未完成的批次。"
    en = "The job {job} has no open run."


class ReplayPointWrong(GuantongError):
    """The point to replay from is none for this job."""

    code = "replay_point_wrong"
    status = 422
    zh = "重放起点有误：{why_zh}。"
    en = "The point to replay from is wrong: {why_en}."


class EdgeWrong(GuantongError):
    """What was said of an edge makes no sense."""

    code = "edge_wrong"
    status = 422
    zh = "前置机设置有误：{why_zh}。"
    en = "The edge is declared wrongly: {why_en}."


class NotYourEdge(GuantongError):
    """Only the organisation that runs an edge, or the node's data bureau, handles it."""

    code = "not_your_edge"
    status = 403
    zh = "前置机只能由所属机构或本节点数据主管部门办理。"
    en = "Only the edge's organisation or this node's data bureau handles it."


class EdgeStateWrong(GuantongError):
    """The act does not fit the edge's state."""

    code = "edge_state_wrong"
    status = 409
    zh = "前置机 {edge} 已停用，请新增一台。"
    en = "The edge {edge} has been retired; add another one."


class EdgeInUse(GuantongError):
    """Jobs still read or fill what the edge serves."""

    code = "edge_in_use"
    status = 409
    zh = "前置机 {edge} 的数据源仍有启用的作业：{jobs}。请先暂停或停办这些作业。"
    en = "Jobs still use the sources of edge {edge}: {jobs}. Pause or retire them first."


class EnrolmentUnreadable(GuantongError):
    """A request to enrol an edge has the wrong form."""

    code = "enrolment_unreadable"
    status = 400
    zh = "接入请求无法识别：{why}。"
    en = "The request to enrol cannot be read: {why}."


class EnrolmentRefused(GuantongError):
    """Code and token do not belong together, or the token has been used."""

    code = "enrolment_refused"
    status = 403
    zh = "编号或接入口令不对，或口令已经用过。请核对后重试，或请数据专员重新生成口令。"
    en = "The code or the token is wrong, or the token has been used. Check both, or have a new token made."


class TokenExpired(GuantongError):
    """The token was right, but too late."""

    code = "token_expired"
    status = 403
    zh = "接入口令已于 {at} 过期，请数据专员重新生成。"
    en = "The token expired at {at}; have a new one made."


class TooManyAttempts(GuantongError):
    """So many wrong tokens were tried that no token is taken any more."""

    code = "too_many_attempts"
    status = 429
    zh = "接入口令连续 {count} 次不对，已作废。请数据专员重新生成。"
    en = "{count} wrong tokens were tried, so the token is void; have a new one made."


class QuietHoursWrong(GuantongError):
    """Quiet hours that make no sense."""

    code = "quiet_hours_wrong"
    status = 422
    zh = "静默时段有误：{why_zh}。"
    en = "The quiet hours are wrong: {why_en}."


class SourceQuiet(GuantongError):
    """A source that the job reads or fills is to be left alone now."""

    code = "source_quiet"
    status = 409
    zh = "数据源正处于静默时段，{until} 之后才能运行；到时会自动补跑已到期的作业。"
    en = "The source is to be left alone until {until}; jobs that are due begin by themselves then."


class RunOpen(GuantongError):
    """The act would leave an open run behind."""

    code = "run_open"
    status = 409
    zh = "作业 {job} 的批次 {run} 尚未完成，请先等它完成或取消它。"
    en = "The run {run} of job {job} is still open; wait for it or cancel it first."


class TargetInUse(GuantongError):
    """Jobs fill the target still."""

    code = "target_in_use"
    status = 409
    zh = "落地表 {target} 仍有作业使用：{jobs}。请先停办这些作业。"
    en = "Jobs fill the target {target} still: {jobs}. Retire them first."


class BackfillWrong(GuantongError):
    """The range to backfill is none for this job."""

    code = "backfill_wrong"
    status = 422
    zh = "补数范围有误：{why_zh}。"
    en = "The range to backfill is wrong: {why_en}."


class NotYourRows(GuantongError):
    """Refused rows are personal data: each side sees those that its own gate refused, and nobody else does."""

    code = "not_your_rows"
    status = 403
    zh = "不合格行只向拒收它们的一方开放：提供方看源端拒收的，使用方看落地端拒收的。"
    en = "Refused rows are shown only to the side whose gate refused them."


class RowsElsewhere(GuantongError):
    """The quarantine lies at an edge, or at another node."""

    code = "rows_elsewhere"
    status = 409
    zh = "这些行留在读取它们的地方（前置机或对方节点），请在那里查看和更正。"
    en = "These rows stay where they were read, at an edge or another node; look at and correct them there."


class ResendWrong(GuantongError):
    """The corrected rows cannot be sent."""

    code = "resend_wrong"
    status = 422
    zh = "补正文件无法重送：{why_zh}。"
    en = "The corrected rows cannot be sent: {why_en}."
