"""The only writers of requests and grants.

A request is filed at the consumer's node, reviewed there, and decided at the provider's; each side by a flow of its
own. What the other node must hear goes out as a message of the outbox (``node.message``, or ``route.message`` for
every node on the way), written in the transaction of the act.
"""

from guantong.sharing.actions.agreeing import attach_paper, receive_agreement
from guantong.sharing.actions.amending import receive_supplement, receive_withdrawal, supplement, withdraw
from guantong.sharing.actions.deciding import decide, receive_decisions, send_back
from guantong.sharing.actions.filing import file_request, file_together, receive_request, renew
from guantong.sharing.actions.granting import receive_grant, receive_revocation, revoke
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

__all__ = [
    "attach_paper",
    "decide",
    "extend",
    "file_request",
    "file_together",
    "give_back",
    "keep_in_grace",
    "narrow",
    "receive_agreement",
    "receive_decisions",
    "receive_grant",
    "receive_request",
    "receive_revocation",
    "receive_standing",
    "receive_supplement",
    "receive_wish",
    "receive_withdrawal",
    "renew",
    "resume",
    "revoke",
    "send_back",
    "supplement",
    "suspend",
    "urge",
    "watch_deadlines",
    "watch_grants",
    "withdraw",
]
