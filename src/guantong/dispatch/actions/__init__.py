"""The only writers of targets, jobs, runs and handovers.

What the data plane must hear leaves as a wish for a new bundle (``bundle.stale``) or as an order (``job.order``),
written in the transaction of the act; the worker delivers both.
"""

from guantong.dispatch.actions.declaring import declare_job, declare_target
from guantong.dispatch.actions.edges import (
    change_edge,
    declare_edge,
    enrol_edge,
    renew_token,
    retire_edge,
    watch_edges,
)
from guantong.dispatch.actions.noting import note_progress, take_in_handovers
from guantong.dispatch.actions.ordering import cancel, order_due, pause, replay, resume, run_now, send_order

__all__ = [
    "cancel",
    "change_edge",
    "declare_edge",
    "declare_job",
    "declare_target",
    "enrol_edge",
    "note_progress",
    "order_due",
    "pause",
    "renew_token",
    "replay",
    "resume",
    "retire_edge",
    "run_now",
    "send_order",
    "take_in_handovers",
    "watch_edges",
]
