"""The items that receipts name, as sets: a call asks for the same items again and again, so there are few sets."""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256

from guantong.journal.models import FieldName, FieldSet, Receipt

LONGEST_NAME = 120
MOST_SETS = 5_000
"""Sets that a search by item looks into: far more than a node's grants make."""


def assign_sets(receipts: Iterable[Receipt]) -> None:
    """Point each receipt (not saved yet) to the set of items that it names; sets that are new are written."""
    wanted: dict[str, list[tuple[tuple[str, ...], Receipt]]] = {}
    for receipt in receipts:
        names = _names(receipt.fields)
        if names:
            wanted.setdefault(_digest(names), []).append((names, receipt))
    known = _keys(wanted)
    new = sorted(set(wanted) - set(known))
    if new:
        FieldSet.objects.bulk_create([FieldSet(digest=digest) for digest in new], ignore_conflicts=True)
        known |= _keys(new)
        items = [
            FieldName(name=name, within_id=known[digest]) for digest in new for name in wanted[digest][0][0]
        ]
        FieldName.objects.bulk_create(items, ignore_conflicts=True)
    for digest, pairs in wanted.items():
        for _, receipt in pairs:
            receipt.field_set_id = known[digest]


def sets_with(names: Iterable[str]) -> list[int]:
    """The keys of the sets that any of the items is in, the newest first."""
    found = FieldName.objects.filter(name__in=[name[:LONGEST_NAME] for name in names])
    return list(found.order_by("-within_id").values_list("within_id", flat=True).distinct()[:MOST_SETS])


def _keys(digests: Iterable[str]) -> dict[str, int]:
    return dict(FieldSet.objects.filter(digest__in=list(digests)).values_list("digest", "pk"))


def _names(fields: object) -> tuple[str, ...]:
    listed = fields if isinstance(fields, list) else []
    return tuple(sorted({each[:LONGEST_NAME] for each in listed if isinstance(each, str) and each}))


@lru_cache(maxsize=4096)
def _digest(names: tuple[str, ...]) -> str:
    return sha256("\n".join(names).encode()).hexdigest()
