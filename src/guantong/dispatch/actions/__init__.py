"""The only writers of targets, jobs, runs and handovers.

What the data plane must hear leaves as a wish for a new bundle (``bundle.stale``) or as an order (``job.order``),
written in the transaction of the act; the worker delivers both.
"""

from guantong.dispatch.actions.declaring import declare_job, declare_target
from guantong.dispatch.actions.noting import note_progress, take_in_handovers
from guantong.dispatch.actions.ordering import cancel, order_due, pause, replay, resume, run_now, send_order

__all__ = [
    "cancel",
    "declare_job",
    "declare_target",
    "note_progress",
    "order_due",
    "pause",
    "replay",
    "resume",
    "run_now",
    "send_order",
    "take_in_handovers",
]
