"""One act on many entries: each stands for itself, and each has its result."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from guantong.catalog.models import Resource
from guantong.catalog.queries import by_code
from guantong.journal.types import Actor
from guantong.kit.errors import GuantongError

MOST = 10_000


@dataclass(frozen=True)
class Outcome:
    """What became of one entry: ``error`` is None where the act was done."""

    code: str
    name: str
    error: GuantongError | None


def together(
    act: Callable[..., Resource], resources: Iterable[str], *, by: Actor, at: datetime, **more: str
) -> list[Outcome]:
    """``act`` on each of the entries (their codes, in order, once each); what is refused holds nothing else up."""
    found = []
    for code in list(dict.fromkeys(resources))[:MOST]:
        name = code
        try:
            with transaction.atomic():
                resource = by_code(code)
                name = resource.name
                act(resource, by=by, at=at, **more)
        except GuantongError as error:
            found.append(Outcome(code, name, error))
        else:
            found.append(Outcome(code, name, None))
    return found
