"""Targets, jobs, their runs, and what the receipts say was handed over."""

from django.db import models

from guantong.sharing.models import Grant


class Target(models.Model):
    """落地表: a table of the consumer's own that jobs fill. Its address is known to the data plane alone."""

    code = models.CharField("落地表编号", max_length=64, unique=True)
    name = models.CharField("名称", max_length=120)
    node = models.CharField(max_length=6)
    organisation = models.CharField("所属机构", max_length=40, db_index=True)
    source = models.CharField("数据源", max_length=80)
    dialect = models.CharField("类型", max_length=16)
    table = models.CharField("表", max_length=120)
    columns = models.JSONField("字段对应")
    """Item → column."""
    declared_at = models.DateTimeField()
    declared_by = models.CharField(max_length=120)
    reader = models.TextField(blank=True)
    """Of a target at another node: the key for which that node has chunks sealed; empty: the node's own."""
    is_retired = models.BooleanField("已停用", default=False)
    """Nobody may have a job fill it any more."""

    class Meta:
        verbose_name = "落地表"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.source}.{self.table}"


class JobState(models.TextChoices):
    """Whether a job may run."""

    ACTIVE = "active", "启用"
    PAUSED = "paused", "暂停"
    RETIRED = "retired", "停办"


class Job(models.Model):
    """作业: under one grant, these items of the resource go to that target, at these times.

    ``terms`` is the whole :class:`guantong.dispatch.types.Declaration`; the columns beside it are for finding.
    """

    code = models.CharField("作业编号", max_length=64, unique=True)
    name = models.CharField("名称", max_length=120)
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="jobs")
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="jobs")
    resource = models.CharField("资源代码", max_length=64, db_index=True)
    provider = models.CharField("提供方", max_length=40, db_index=True)
    provider_name = models.CharField(max_length=120)
    consumer = models.CharField("使用方", max_length=40, db_index=True)
    consumer_name = models.CharField(max_length=120)
    terms = models.JSONField()
    depends_on = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="followers")
    state = models.CharField(max_length=12, choices=JobState, default=JobState.ACTIVE, db_index=True)
    ordered_at = models.DateTimeField(null=True)
    """When the latest run was ordered, by a person or by the timetable."""
    next_at = models.DateTimeField("下次运行", null=True, db_index=True)
    """When the next run is due; None: only when asked."""
    retry_at = models.DateTimeField(null=True, db_index=True)
    """When a run that broke is to be taken up again."""
    retries = models.IntegerField(default=0)
    """How often in a row a run was ordered again because it had failed."""
    resting_until = models.DateTimeField(null=True)
    """Until when the open run rests because its source is not to be read; see :class:`QuietHours`."""
    ordered = models.JSONField(default=dict)
    """The latest order as it was given: ``{"verb", "since", "until"}``, to be given again if it broke at once."""
    version = models.IntegerField("版本", default=1)
    told = models.CharField(max_length=64, blank=True)
    """Digest of what the provider's node was told of it last, if that is another node."""
    declared_at = models.DateTimeField()
    declared_by = models.CharField(max_length=120)

    class Meta:
        verbose_name = "作业"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.code


class JobVersion(models.Model):
    """作业版本: what a job said before it was changed, kept whole."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="versions")
    number = models.IntegerField("版本")
    terms = models.JSONField()
    ended_at = models.DateTimeField()
    """When the next version took its place."""
    ended_by = models.CharField(max_length=120)

    class Meta:
        verbose_name = "作业版本"
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="job_version_once")]

    def __str__(self) -> str:
        return f"{self.job_id}@{self.number}"


class RunState(models.TextChoices):
    """Where a run stands."""

    RUNNING = "running", "运行中"
    DONE = "done", "已完成"
    PAUSED = "paused", "等待恢复"
    STOPPED = "stopped", "已停止"
    CANCELLED = "cancelled", "已取消"
    GIVEN_UP = "given_up", "已放弃"


class Run(models.Model):
    """批次: one run of a job, as its progress file and its receipts tell. Counts are rows."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="runs")
    code = models.CharField("批次", max_length=64)
    """The run's name on the data plane; of an attempt that never became a run, the moment it began."""
    state = models.CharField(max_length=12, choices=RunState, db_index=True)
    read = models.BigIntegerField(default=0)
    applied = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    read_before = models.BigIntegerField(default=0)
    refused_before = models.BigIntegerField(default=0)
    """What was counted before the run was last taken up: the data plane counts anew each time."""
    taken_up_at = models.DateTimeField()
    expected = models.BigIntegerField(default=0)
    """The source's estimate; 0: none."""
    resumed = models.BigIntegerField(default=0)
    """Rows that were in the target already when the run was last taken up."""
    chunks = models.IntegerField(default=0)
    size = models.BigIntegerField(default=0)
    """Bytes that were handed over, where the data plane says."""
    rate = models.BigIntegerField(default=0)
    seconds_left = models.BigIntegerField(null=True)
    error = models.JSONField(null=True)
    """``{"code", "message": {"zh", "en"}}`` of what ended it."""
    reasons = models.JSONField(default=dict)
    """Why rows were refused: reason → rows. No values of rows."""
    set_aside = models.BigIntegerField(default=0)
    """Rows that were sent, but which the target's own types could not take."""
    other_half = models.JSONField(default=dict)
    """What the node at the other end tells of its half; see :class:`guantong.dispatch.actions.remote.Half`."""
    told_other = models.JSONField(default=dict)
    """When that node was last told of ours, and of which state."""
    floor = models.CharField("起始水位", max_length=64, blank=True)
    high = models.CharField("水位", max_length=64, blank=True)
    until = models.CharField("截止水位", max_length=64, blank=True)
    """From which watermark it read, how far it came, and, of a backfill, where it was to end."""
    digest = models.CharField(max_length=80, blank=True)
    """Digest of the manifest that closes the run; it is in the consumer's receipt."""
    started_at = models.DateTimeField(db_index=True)
    told_at = models.DateTimeField()
    """The moment of the latest news."""
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "批次"
        ordering = ["-started_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["job", "code"], name="run_once")]

    def __str__(self) -> str:
        return f"{self.job_id}/{self.code}"


class Handover(models.Model):
    """交接: what one batch receipt says: a chunk that the provider sent, or a run that the consumer got."""

    job = models.CharField(max_length=64)
    run = models.CharField(max_length=64, db_index=True)
    role = models.CharField(max_length=16)
    chunk = models.IntegerField()
    """Number of the provider's chunk; 0 for the consumer's receipt of the whole run."""
    rows = models.BigIntegerField()
    refused = models.BigIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    day = models.DateField(db_index=True)
    """The day on which the run began, in local time, so that both sides count it on the same day."""
    at = models.DateTimeField()
    grant = models.CharField(max_length=64, db_index=True)
    resource = models.CharField(max_length=64)
    provider = models.CharField(max_length=40, db_index=True)
    consumer = models.CharField(max_length=40, db_index=True)
    receipt = models.CharField(max_length=80)

    class Meta:
        verbose_name = "交接"
        ordering = ["-at", "-id"]
        constraints = [models.UniqueConstraint(fields=["job", "run", "role", "chunk"], name="handover_once")]

    def __str__(self) -> str:
        return f"{self.run}/{self.role}/{self.chunk}"


class Intake(models.Model):
    """取数位置: up to which receipt (by its key) batch receipts have been taken in."""

    name = models.CharField(max_length=40, unique=True)
    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name}@{self.position}"


class OrderSeries(models.Model):
    """指令号: the last number given to an order; its row is locked while one is taken."""

    last = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.last)


class EdgeState(models.TextChoices):
    """Whether an edge takes part."""

    WAITING = "waiting", "待接入"
    ACTIVE = "active", "在用"
    RETIRED = "retired", "停用"


class Edge(models.Model):
    """边缘代理 (前置机): an exchange process in a department's network, which only dials out, to this node.

    Its key comes with its enrolment; of the one-time token only the digest is kept. What it told last lies in
    the data plane's files, see :mod:`guantong.dispatch.edge_news`.
    """

    code = models.CharField("前置机编号", max_length=64, unique=True)
    name = models.CharField("名称", max_length=120)
    node = models.CharField(max_length=6)
    organisation = models.CharField("所属机构", max_length=40, db_index=True)
    sources = models.JSONField("数据源", default=list)
    key = models.TextField("公钥", blank=True)
    state = models.CharField(max_length=12, choices=EdgeState, default=EdgeState.WAITING, db_index=True)
    token_digest = models.CharField(max_length=64, blank=True)
    token_expires_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    """Enrolments that were refused since the token was made."""
    enrolled_at = models.DateTimeField("接入时间", null=True)
    told = models.JSONField(default=list)
    """What people have been told is wrong with it, so that each is told once."""
    declared_at = models.DateTimeField()
    declared_by = models.CharField(max_length=120)

    class Meta:
        verbose_name = "前置机"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.code


class QuietHours(models.Model):
    """静默时段: between these times of the day no job reads or fills a source (Beijing time).

    ``since`` later than ``until`` goes over midnight.
    """

    source = models.CharField("数据源", max_length=80, db_index=True)
    since = models.TimeField("自")
    until = models.TimeField("至")
    only_workdays = models.BooleanField("仅工作日", default=False)
    noted_at = models.DateTimeField()
    noted_by = models.CharField(max_length=120)

    class Meta:
        verbose_name = "静默时段"
        ordering = ["source", "since"]

    def __str__(self) -> str:
        return f"{self.source} {self.since}-{self.until}"
