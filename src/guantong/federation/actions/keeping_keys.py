"""What a node does about its own private keys as time passes."""

from datetime import datetime

from django.db import transaction

from guantong.evidence import successions
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.kit.settings import Settings


def forget_old_key(settings: Settings, *, by: Actor, at: datetime) -> bool:
    """Delete the node's former private key when its overlap has ended: nothing needs it, and a thief could. Whether it was.

    What was sealed for it and has not arrived by then is refused and run again.
    """
    key = successions.ended_old_key(settings.key_folder, at=at)
    if key is None:
        return False
    with transaction.atomic():
        about = Subject("node", settings.node)
        record("node.old_key_deleted", by=by, at=at, subject=about, details={"key": key.ref})
        is_gone = successions.forget_old_key(settings.key_folder, at=at) == key
        if not is_gone:  # a change of the key came in between
            transaction.set_rollback(True)
    return is_gone
