"""Whose data a receipt is about: the keyed digests that only this node can compute.

A resident ID goes into the digest and nowhere else: not into an address, not into a log, not into the journal.
"""

from guantong.gateway.receipts import subject_digest
from guantong.identity.models import Person
from guantong.kit.settings import Settings


def subject_of(resident_id: str, settings: Settings) -> str:
    """The ``subject`` of receipts for look-ups by this resident ID."""
    return subject_digest(_key(settings), {"id_number": resident_id})


def subjects_of(person: Person, settings: Settings) -> list[str]:
    """The ``subject`` of every look-up by somebody's resident ID, alone or together with their name, the plain one first.

    A digest covers the key values in the order of their items' names, which differ between entries: both orders are
    tried, and both ways of writing the last character of an ID.
    """
    written, name, key = person.resident_id, person.full_name, _key(settings)
    if not written:
        return []
    found = [subject_of(written, settings)]
    for each in dict.fromkeys([written, written.upper(), written.lower()]):
        found += [
            subject_digest(key, keys)
            for keys in ({"a": each}, {"a": each, "b": name}, {"a": name, "b": each})
        ]
    return list(dict.fromkeys(found))


def _key(settings: Settings) -> bytes:
    return (settings.key_folder / "subject.key").read_text(encoding="ascii").strip().encode()
