"""The only writers of requests and grants.

A request is filed at the consumer's node, reviewed there, and decided at the provider's; each side by a flow of its
own. What the other node must hear goes out as a message of the outbox (``node.message``, or ``route.message`` for
every node on the way), written in the transaction of the act.
"""

from guantong.sharing.actions.agreeing import attach_paper, receive_agreement
from guantong.sharing.actions.amending import receive_supplement, receive_withdrawal, supplement, withdraw
from guantong.sharing.actions.correcting import (
    add_to_correction,
    answer_correction,
    file_correction,
    hear_of_correction,
    judge_correction,
    receive_answer,
    receive_correction,
    receive_move,
    withdraw_correction,
)
from guantong.sharing.actions.deciding import decide, receive_decisions, send_back
from guantong.sharing.actions.disputing import (
    raise_dispute,
    receive_dispute,
    receive_due,
    receive_said,
    rule,
    speak,
)
from guantong.sharing.actions.filing import file_request, file_together, receive_request, renew
from guantong.sharing.actions.granting import receive_grant, receive_revocation, revoke
from guantong.sharing.actions.minding import watch_voices
from guantong.sharing.actions.naming import name_services
from guantong.sharing.actions.reminding import watch_grants
from guantong.sharing.actions.renewing import keep_in_grace
from guantong.sharing.actions.tending import (
    give_back,
    narrow,
    receive_standing,
    receive_wish,
    resume,
    suspend,
)
from guantong.sharing.actions.watching import extend, urge, watch_deadlines
from guantong.sharing.voices.reporting import Report

__all__ = [
    "Report",
    "add_to_correction",
    "answer_correction",
    "attach_paper",
    "decide",
    "extend",
    "file_correction",
    "file_request",
    "file_together",
    "give_back",
    "hear_of_correction",
    "judge_correction",
    "keep_in_grace",
    "name_services",
    "narrow",
    "raise_dispute",
    "receive_agreement",
    "receive_answer",
    "receive_correction",
    "receive_decisions",
    "receive_dispute",
    "receive_due",
    "receive_grant",
    "receive_move",
    "receive_request",
    "receive_revocation",
    "receive_said",
    "receive_standing",
    "receive_supplement",
    "receive_wish",
    "receive_withdrawal",
    "renew",
    "resume",
    "revoke",
    "rule",
    "send_back",
    "speak",
    "supplement",
    "suspend",
    "urge",
    "watch_deadlines",
    "watch_grants",
    "watch_voices",
    "withdraw",
    "withdraw_correction",
]
