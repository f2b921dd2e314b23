"""Whose data a receipt is about: the keyed digest that only this node can compute."""

from guantong.gateway.receipts import subject_digest
from guantong.kit.settings import Settings


def subject_of(resident_id: str, settings: Settings) -> str:
    """The ``subject`` of receipts for look-ups by this resident ID."""
    key = (settings.key_folder / "subject.key").read_text(encoding="ascii").strip().encode()
    return subject_digest(key, {"id_number": resident_id})
