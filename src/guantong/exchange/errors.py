"""What stops a batch: a code for programs, and a sentence in both languages that says what to do."""

from guantong.kit.errors import GuantongError


class ExchangeStopped(GuantongError):
    """A run (批次) that cannot go on. What was applied stays applied; nothing is half-done."""

    code = "exchange_stopped"
    status = 409
    zh = "批量交换已停止。"
    en = "The batch was stopped."


# ── what was declared ──


class JobUnknown(ExchangeStopped):
    """The bundle has no such job."""

    code = "job_unknown"
    status = 404
    zh = "作业 {job} 不在现行配置中，请先发布。"
    en = "The job {job} is not in the present configuration; publish it first."


class JobElsewhere(ExchangeStopped):
    """Neither end of the job is at this place."""

    code = "job_elsewhere"
    status = 404
    zh = "作业 {job} 的来源和落地表都不在本节点（或本边缘代理）。"
    en = "Neither the source nor the target of the job {job} is at this node (or edge)."


class JobMisdeclared(ExchangeStopped):
    """The declaration contradicts itself or the bundle."""

    code = "job_misdeclared"
    status = 422
    zh = "作业 {job} 的设置有误：{why_zh}。"
    en = "The job {job} is not declared rightly: {why_en}."


class JobChangedMidway(ExchangeStopped):
    """The declaration changed while a run stood open whose rows are already in the target."""

    code = "job_changed_midway"
    zh = "作业 {job} 在批次 {run} 未完成时被修改，请恢复原设置完成该批次，或取消该批次。"
    en = "The job {job} was changed while its run {run} is open; restore it to finish the run, or cancel the run."


class JobBusy(ExchangeStopped):
    """Another process is running the job."""

    code = "job_busy"
    zh = "作业 {job} 正在由另一进程运行。"
    en = "The job {job} is being run by another process."


class RunHeld(ExchangeStopped):
    """Somebody asked the run to rest; it goes on when it is asked to run again."""

    code = "run_held"
    zh = "作业 {job} 已按指令停下，再次运行时从断点继续。"
    en = "The job {job} rests as it was told to; when it is run again it goes on where it stopped."


class AddressMissing(ExchangeStopped):
    """The node's secrets name no usable address for a source or target."""

    code = "address_missing"
    zh = "本节点没有数据源 {name} 的可用地址，请在 sources.json 中登记其地址和口令。"
    en = "This node has no usable address of {name}; put its address and password into sources.json."


# ── databases ──


class DatabaseDenied(ExchangeStopped):
    """Wrong user or password, or no right to do it."""

    code = "database_denied"
    status = 502
    zh = "数据库 {name} 拒绝了本节点的账号，请核对 sources.json 中的用户、口令及其权限。"
    en = "The database {name} refuses this node's account; check user, password and rights in sources.json."


class DatabaseUnreachable(ExchangeStopped):
    """No connection."""

    code = "database_unreachable"
    status = 502
    zh = "无法连接数据库 {name}，请检查其地址、端口和是否在运行；恢复后批次从断点继续。"
    en = "The database {name} cannot be reached; check its address and that it runs. The run resumes where it stood."


class DatabaseLost(ExchangeStopped):
    """The connection broke, or the database failed, while data was on its way."""

    code = "database_lost"
    status = 502
    zh = "与数据库 {name} 的连接中断，批次将从断点继续。"
    en = "The connection to {name} broke; the run resumes where it stood."


class TableVanished(ExchangeStopped):
    """The table or file is not there (any more)."""

    code = "table_vanished"
    zh = "{name} 中没有表或文件 {table}，请核对挂接，或请其主管部门恢复。"
    en = "There is no table or file {table} in {name}; check the link, or ask its owner to restore it."


class ColumnsMissing(ExchangeStopped):
    """The table has changed: columns that the job needs are gone."""

    code = "columns_missing"
    zh = "{name} 的表 {table} 缺少列 {columns}，表结构可能已变更，请更新挂接或目标表。"
    en = "The table {table} of {name} lacks {columns}; it seems to have changed: update the link or the target."


class TypeUnfit(ExchangeStopped):
    """An item's type does not go into the target's column; found before the first row."""

    code = "type_unfit"
    status = 422
    zh = "信息项 {item}（{found}）不能写入目标列 {column}（{wanted}），请修改目标列类型或作业字段。"
    en = "The item {item} ({found}) does not fit the target's column {column} ({wanted}); change one of them."


class TargetRefused(ExchangeStopped):
    """The target's own rules (keys, constraints, triggers) refuse a chunk."""

    code = "target_refused"
    zh = "目标表 {table} 拒绝了数据（{why}），本块未写入；请检查目标表的键和约束。"
    en = "The target {table} refuses the data ({why}); the chunk was not applied. Check its keys and constraints."


class TargetKeyMissing(ExchangeStopped):
    """The target has no unique key over the job's key: rows could not be found again."""

    code = "target_key_missing"
    status = 422
    zh = "目标表 {table} 没有以 {columns} 为列的主键或非空唯一键，请建立后再运行。"
    en = "The target {table} has no primary or unique key, without nulls, over {columns}; make one and run again."


class FileUnreadable(ExchangeStopped):
    """A file is not what its name says."""

    code = "file_unreadable"
    status = 422
    zh = "文件 {table} 无法按 {format} 读取，请核对文件内容和编码（UTF-8）。"
    en = "The file {table} cannot be read as {format}; check its content and that it is UTF-8."


class FileNameUnfit(ExchangeStopped):
    """A file has a name that cannot travel: not UTF-8, or with control characters or backslashes."""

    code = "file_name_unfit"
    status = 422
    zh = "文件名 {file} 无法传输（须为 UTF-8，不含控制字符和反斜杠），请改名后再运行。"
    en = "The file name {file} cannot travel (UTF-8 without control characters and backslashes); rename the file."


class FileNotReadable(ExchangeStopped):
    """A file or folder of the source may not, or cannot, be read."""

    code = "file_not_readable"
    status = 502
    zh = "文件 {file} 无法读取（{why}），请检查其权限和磁盘；恢复后批次从断点继续。"
    en = "The file {file} cannot be read ({why}); check its rights and the disk. The run resumes where it stood."


class TargetFull(ExchangeStopped):
    """No room where files are to arrive; the run pauses."""

    code = "target_full"
    status = 507
    zh = "目标 {name} 的磁盘已满，批次暂停；清理空间后自动继续。"
    en = "The disk of the target {name} is full; the run pauses until there is room."


# ── who listens to events ──


class ListenerUnavailable(ExchangeStopped):
    """There is no way to who listens to a target's events."""

    code = "listener_unavailable"
    status = 502
    zh = "订阅 {target} 的接收方不可用（{why}）；事件留在本节点，恢复后按序投递。"
    en = "Who listens to {target} cannot be reached ({why}); events wait here and are told in order afterwards."


class SubscriptionEnded(ExchangeStopped):
    """The listener has answered 410: it wants no more."""

    code = "subscription_ended"
    status = 410
    zh = "订阅 {target} 的接收方已退订（410）。如需恢复，请在 sources.json 中更新其地址；否则请停用作业。"
    en = "The listener of {target} wants no more (410). To resume, change its address in sources.json; or stop the job."


class SubscriptionUnknown(ExchangeStopped):
    """No job of this application tells events there."""

    code = "subscription_unknown"
    status = 404
    zh = "应用 {application} 没有名为 {target} 的订阅。"
    en = "The application {application} has no subscription {target}."


class EventsExpired(ExchangeStopped):
    """The reader asks for events that are no longer kept: it has missed some."""

    code = "events_expired"
    status = 410
    zh = "订阅 {target} 中编号 {oldest} 及以前的事件已过保存期，读取方有遗漏：请重放作业，或从 after=0 重新开始。"
    en = "Events of {target} up to {oldest} are no longer kept, and you missed some: replay the job, or begin at after=0."


class QueryMisshapen(ExchangeStopped):
    """A parameter of the address is not a number, or too large."""

    code = "query_misshapen"
    status = 400
    zh = "参数 {name} 应为不大于 {most} 的整数。"
    en = "The parameter {name} is a whole number up to {most}."


# ── data ──


class TooManyBadRows(ExchangeStopped):
    """The quality gate refused more rows than the job allows."""

    code = "too_many_bad_rows"
    status = 422
    zh = "已读 {read} 行中有 {bad} 行不合格，超过阈值，批次已停止；请查看隔离区中的原因。"
    en = "{bad} of {read} rows are bad, more than the job allows; see the reasons in quarantine."


class RunTooLong(ExchangeStopped):
    """More rows than the job's limit."""

    code = "run_too_long"
    status = 422
    zh = "批次超过作业允许的 {limit} 行，已停止。"
    en = "The run has more than the {limit} rows that the job allows."


# ── on the way ──


class ChunkDamaged(ExchangeStopped):
    """A staged chunk or its manifest is not what was signed."""

    code = "chunk_damaged"
    status = 422
    zh = "批次 {run} 的第 {chunk} 块与签名清单不符，已拒绝。"
    en = "Chunk {chunk} of run {run} is not what its signed manifest says; it is refused."


class PostingMisshapen(ExchangeStopped):
    """What came by the mail is not a posting."""

    code = "posting_misshapen"
    status = 422
    zh = "收到的邮件不合规定：{why_zh}。"
    en = "What came by the mail is not a posting: {why_en}."


class PostingRefused(ExchangeStopped):
    """A posting that may not pass here: of a strange sender, or of no grant that is in force."""

    code = "posting_refused"
    status = 403
    zh = "邮件不得由本节点经过：{why_zh}。"
    en = "The posting may not pass here: {why_en}."


class PeerRefusedPosting(ExchangeStopped):
    """The next place on the way will not have a posting; it is offered again later."""

    code = "peer_refused_posting"
    status = 502
    zh = "{peer} 拒收邮件（{said}）：{why_zh}"
    en = "{peer} will not have a posting ({said}): {why_en}"


class EdgeNotEnrolled(ExchangeStopped):
    """The folder is no edge's yet."""

    code = "edge_not_enrolled"
    status = 409
    zh = "{home} 还不是边缘代理，请先运行 guantong edge join。"
    en = "There is no edge in {home} yet; run guantong edge join first."


class EnrolmentFailed(ExchangeStopped):
    """The node did not take the edge in."""

    code = "enrolment_failed"
    status = 409
    zh = "接入未成功：{why_zh}"
    en = "The edge was not taken in: {why_en}"


class SaltMissing(ExchangeStopped):
    """An edge has not been told the salt by which a grant's masks hash."""

    code = "salt_missing"
    status = 503
    zh = "尚未从节点取得授权 {grant} 的脱敏盐值，联系上节点后自动继续。"
    en = "The node has not told the salt of the grant {grant} yet; the job goes on once the node answers."


class EdgeUnknown(ExchangeStopped):
    """Whoever asks as an edge is none of this node's."""

    code = "edge_unknown"
    status = 403
    zh = "{edge} 不是本节点的边缘代理，或已停用。"
    en = "{edge} is no edge of this node, or has been retired."


class StatementWrong(ExchangeStopped):
    """What an edge states cannot be read, or is not its to state."""

    code = "statement_wrong"
    status = 422
    zh = "边缘代理的陈述无法读取，或与其作业不符。"
    en = "The edge's statement cannot be read, or is not about a job of its own."


class ChunkGone(ExchangeStopped):
    """A chunk waited for longer than it is kept, or was taken away."""

    code = "chunk_gone"
    status = 410
    zh = "批次 {run} 的第 {chunk} 块已不在暂存区（超过保存期限或被清理），请重放该作业。"
    en = "Chunk {chunk} of run {run} is no longer kept (it waited too long); replay the job."


class StagingFull(ExchangeStopped):
    """No room in the staging store; the run pauses."""

    code = "staging_full"
    status = 507
    zh = "暂存区已满，批次暂停；清理空间或等待对方取走后自动继续。"
    en = "The staging store is full; the run pauses until there is room or the other side has fetched."


class StagingUnreachable(ExchangeStopped):
    """The object store of staged chunks does not answer, or refuses this node."""

    code = "staging_unreachable"
    status = 502
    zh = "暂存区 {endpoint} 不可用（{why}），请检查其地址、密钥和是否在运行；恢复后批次从断点继续。"
    en = "The staging store {endpoint} cannot be used ({why}); check address, keys and that it runs. The run resumes."


class StagingMisconfigured(ExchangeStopped):
    """The settings of the staging store cannot be used."""

    code = "staging_misconfigured"
    status = 500
    zh = "暂存区设置不可用：{why_zh}。"
    en = "The settings of the staging store cannot be used: {why_en}."


class StagingKeyMissing(ExchangeStopped):
    """The national suite needs a staging key that both nodes hold."""

    code = "staging_key_missing"
    zh = "缺少暂存密钥 keys/staging.key（32 位十六进制，权限 0600），请与对方节点约定后放入。"
    en = "There is no keys/staging.key (32 hexadecimal digits, mode 0600); agree on one with the other node."


class ChangeLogUnusable(ExchangeStopped):
    """The source's log of changes cannot be read as it is set up."""

    code = "change_log_unusable"
    status = 422
    zh = "数据源 {name} 的变更日志不可用：{why_zh}。"
    en = "The change log of source {name} cannot be used: {why_en}."


class ChangesLost(ExchangeStopped):
    """The source's log no longer goes back to where the job stands."""

    code = "changes_lost"
    status = 410
    zh = "数据源 {name} 的变更日志已不含作业上次之后的变更（日志被清理或复制槽被删除），请从头重放该作业。"
    en = "The change log of source {name} no longer holds what came after the last run; replay the job from the beginning."


class ExtraMissing(ExchangeStopped):
    """A kind of database needs a library that is not installed here."""

    code = "extra_missing"
    status = 501
    zh = "本机缺少访问数据源 {name} 所需的组件 {module}，请安装附加组件 {extra} 及其数据库驱动。"
    en = "Source {name} needs {module}, which is not installed here; install the extra {extra} and the database's driver."
