"""Acts, what waits to leave the node, and the receipts and alerts that came from the data plane."""

from django.db import models


class Entry(models.Model):
    """留痕: one act by one actor, written in the transaction of the act itself, never changed afterwards."""

    at = models.DateTimeField()
    act = models.CharField(max_length=80)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=120)
    actor_organisation = models.CharField(max_length=40, blank=True)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=120)
    details = models.JSONField(default=dict)
    record_digest = models.CharField(max_length=80, blank=True)
    """Digest of the signed record in the log; empty until the worker has spooled it."""

    class Meta:
        verbose_name = "留痕"
        ordering = ["-id"]
        indexes = [
            # The worker asks several times a second what the log has not got yet.
            models.Index(fields=["id"], condition=models.Q(record_digest=""), name="entry_unsealed"),
            # What the search picks by, each in the order of the pages: a page is read off the index, however deep.
            models.Index(fields=["at", "id"], name="entry_at"),
            models.Index(fields=["act", "at", "id"], name="entry_act"),
            models.Index(fields=["actor_id", "at", "id"], name="entry_actor"),
            models.Index(fields=["actor_organisation", "at", "id"], name="entry_organisation"),
            models.Index(fields=["subject_id", "at", "id"], name="entry_subject"),
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


class FieldSet(models.Model):
    """信息项组合: items that receipts name together. There are few, however many receipts: each receipt points to one."""

    digest = models.CharField(max_length=64, unique=True)
    """SHA-256 of the names in order, joined by line feeds."""

    def __str__(self) -> str:
        return self.digest


class FieldName(models.Model):
    """信息项: one item of a set; by it the receipts that name the item are found."""

    name = models.CharField(max_length=120)
    within = models.ForeignKey(FieldSet, on_delete=models.CASCADE, related_name="names")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "within"], name="field_name_within")]

    def __str__(self) -> str:
        return self.name


class Receipt(models.Model):
    """凭证: an index of one signed receipt that this node's data plane wrote. The signed bytes are ``raw``."""

    digest = models.CharField(max_length=80, unique=True)
    at = models.DateTimeField()
    call = models.CharField(max_length=64)
    role = models.CharField(max_length=16)
    consumer_organisation = models.CharField(max_length=40)
    consumer_application = models.CharField(max_length=64)
    consumer_node = models.CharField(max_length=6)
    provider_organisation = models.CharField(max_length=40)
    provider_node = models.CharField(max_length=6)
    resource = models.CharField(max_length=64)
    mode = models.CharField(max_length=16)
    fields = models.JSONField(default=list)
    field_set = models.ForeignKey(
        FieldSet, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    """The same as ``fields``, to search by."""
    grant = models.CharField(max_length=64)
    purpose = models.CharField(max_length=128)
    case = models.CharField(max_length=128, blank=True)
    subject = models.CharField(max_length=64, blank=True)
    decision = models.CharField(max_length=16)
    reason = models.CharField(max_length=80, blank=True)
    chain = models.CharField(max_length=140, blank=True)
    number = models.BigIntegerField(default=0)
    """Its number in the chain, from 1; 0 where the receipt has none."""
    previous = models.CharField(max_length=80, blank=True)
    """The digest of the one before, as the receipt names it."""
    raw = models.BinaryField()
    content = models.CharField(max_length=80, default="", blank=True)
    """Digest of what is signed in ``raw``: the next receipt of the chain names it, older ones named ``digest``."""

    class Meta:
        verbose_name = "凭证"
        ordering = ["-at", "-id"]
        indexes = [
            # What the search picks by, each in the order of the pages: a page is read off the index, however deep.
            models.Index(fields=["at", "id"], name="receipt_at"),
            models.Index(fields=["consumer_organisation", "at", "id"], name="receipt_consumer"),
            models.Index(fields=["provider_organisation", "at", "id"], name="receipt_provider"),
            models.Index(fields=["resource", "at", "id"], name="receipt_resource"),
            models.Index(fields=["grant", "at", "id"], name="receipt_grant"),
            models.Index(fields=["field_set", "at", "id"], name="receipt_field_set"),
            models.Index(fields=["purpose", "at", "id"], name="receipt_purpose"),
            models.Index(fields=["mode", "at", "id"], name="receipt_mode"),
            models.Index(fields=["decision", "at", "id"], name="receipt_decision"),
            models.Index(fields=["case", "at", "id"], name="receipt_of_case"),
            models.Index(fields=["subject", "at", "id"], name="receipt_of_subject"),
            models.Index(fields=["call"], name="receipt_call"),
            models.Index(fields=["chain", "number"], name="receipt_chain"),
        ]

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
