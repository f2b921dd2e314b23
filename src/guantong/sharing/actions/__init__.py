"""The only writers of requests and grants.

A request is filed at the consumer's node and decided at the provider's. What the other node must hear goes out
as a message of the outbox (``node.message``, or ``route.message`` for every node on the way), written in the
transaction of the act.
"""

from guantong.sharing.actions.deciding import decide, receive_decisions
from guantong.sharing.actions.filing import file_request, receive_request
from guantong.sharing.actions.granting import receive_grant, receive_revocation, revoke

__all__ = [
    "decide",
    "file_request",
    "receive_decisions",
    "receive_grant",
    "receive_request",
    "receive_revocation",
    "revoke",
]
