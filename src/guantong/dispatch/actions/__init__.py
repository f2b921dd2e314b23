"""The only writers of targets, jobs, runs and handovers.

What the data plane must hear leaves as a wish for a new bundle (``bundle.stale``) or as an order (``job.order``),
written in the transaction of the act; the worker delivers both.
"""

from guantong.dispatch.actions.calendars import drop_quiet_hours, forget_day, note_days, set_quiet_hours
from guantong.dispatch.actions.changing import (
    change_job,
    change_target,
    restore_job,
    retire_job,
    retire_target,
)
from guantong.dispatch.actions.declaring import declare_job, declare_target
from guantong.dispatch.actions.edges import (
    change_edge,
    declare_edge,
    enrol_edge,
    renew_token,
    retire_edge,
    watch_edges,
    watch_links,
)
from guantong.dispatch.actions.noting import note_progress, receive_receipts, take_in_handovers
from guantong.dispatch.actions.ordering import (
    backfill,
    cancel,
    keep_limits,
    order_due,
    pause,
    replay,
    resume,
    run_now,
    send_order,
)
from guantong.dispatch.actions.portraits import tell_providers
from guantong.dispatch.actions.remote import receive_half, receive_job, receive_order
from guantong.dispatch.actions.resending import hand_out_refused, resend

__all__ = [
    "backfill",
    "cancel",
    "change_edge",
    "change_job",
    "change_target",
    "declare_edge",
    "declare_job",
    "declare_target",
    "drop_quiet_hours",
    "enrol_edge",
    "forget_day",
    "hand_out_refused",
    "keep_limits",
    "note_days",
    "note_progress",
    "order_due",
    "pause",
    "receive_half",
    "receive_job",
    "receive_order",
    "receive_receipts",
    "renew_token",
    "replay",
    "resend",
    "restore_job",
    "resume",
    "retire_edge",
    "retire_job",
    "retire_target",
    "run_now",
    "send_order",
    "set_quiet_hours",
    "take_in_handovers",
    "tell_providers",
    "watch_edges",
    "watch_links",
]
