"""Acts, what waits to leave the node, and the receipts and alerts that came from the data plane."""

from django.db import models


class Entry(models.Model):
    """留痕: one act by one actor, written in the transaction of the act itself, never changed afterwards."""

    at = models.DateTimeField(db_index=True)
    act = models.CharField(max_length=80, db_index=True)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64, db_index=True)
    actor_name = models.CharField(max_length=120)
    actor_organisation = models.CharField(max_length=40, blank=True, db_index=True)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=120, db_index=True)
    details = models.JSONField(default=dict)
    record_digest = models.CharField(max_length=80, blank=True)
    """Digest of the signed record in the log; empty until the worker has spooled it."""

    class Meta:
        verbose_name = "留痕"
        ordering = ["-id"]
        indexes = [
            # The worker asks several times a second what the log has not got yet.
            models.Index(fields=["id"], condition=models.Q(record_digest=""), name="entry_unsealed"),
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.subject_id}"


class OutboxMessage(models.Model):
    """待发: something to be done outside the database, written with the act that caused it.

    The worker delivers in order of ``id`` within a ``lane`` (topic and addressee); delivery is repeated until it
    succeeds, so every handler is idempotent. A message that its addressee refuses for good is parked: the lane
    goes on without it, and a person sends it again or drops it.
    """

    topic = models.CharField(max_length=80)
    lane = models.CharField(max_length=120, default="")
    payload = models.JSONField()
    queued_by = models.CharField(max_length=64, blank=True)
    """Identifier of the actor whose act left the message."""
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, db_index=True)
    """When it was delivered or dropped."""
    parked_at = models.DateTimeField(null=True)
    dropped_by = models.CharField(max_length=120, blank=True)
    attempts = models.IntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    last_error = models.TextField(blank=True)

    class Meta:
        verbose_name = "待发"
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["lane", "id"], condition=models.Q(done_at__isnull=True), name="outbox_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} #{self.pk}"


class Receipt(models.Model):
    """凭证: an index of one signed receipt that this node's data plane wrote. The signed bytes are ``raw``."""

    digest = models.CharField(max_length=80, unique=True)
    at = models.DateTimeField(db_index=True)
    call = models.CharField(max_length=64, db_index=True)
    role = models.CharField(max_length=16)
    consumer_organisation = models.CharField(max_length=40, db_index=True)
    consumer_application = models.CharField(max_length=64)
    consumer_node = models.CharField(max_length=6)
    provider_organisation = models.CharField(max_length=40, db_index=True)
    provider_node = models.CharField(max_length=6)
    resource = models.CharField(max_length=64, db_index=True)
    mode = models.CharField(max_length=16)
    fields = models.JSONField(default=list)
    grant = models.CharField(max_length=64, db_index=True)
    purpose = models.CharField(max_length=128)
    case = models.CharField(max_length=128, blank=True, db_index=True)
    subject = models.CharField(max_length=64, blank=True, db_index=True)
    decision = models.CharField(max_length=16)
    reason = models.CharField(max_length=80, blank=True)
    raw = models.BinaryField()

    class Meta:
        verbose_name = "凭证"
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return self.digest


class Alert(models.Model):
    """告警: something the data plane refused or noticed that a person should look at."""

    digest = models.CharField(max_length=80, unique=True)
    at = models.DateTimeField(db_index=True)
    code = models.CharField(max_length=80)
    details = models.JSONField(default=dict)
    seen_at = models.DateTimeField(null=True)
    seen_by = models.CharField(max_length=120, blank=True)

    class Meta:
        verbose_name = "告警"
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return self.code


class SpoolPosition(models.Model):
    """How far this database has read each writer's spool; moves in the transaction that stores what was read."""

    writer = models.CharField(max_length=80, unique=True)
    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.writer}@{self.position}"
