"""Overlap (交叠期): a secret that was followed by another still proves its application, until a declared moment.

In a bundle the former secret is an entry of its own among the applications: named ``<id> until <moment>``, with the
secret's digest, without key or rid, switched off. So the bundle keeps its shape: a gateway that knows nothing of overlaps
reads it, takes the entry for an application that nobody may use, and believes the present secret alone.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from guantong.bundle.types import Application, Bundle
from guantong.kit import clock

_UNTIL = " until "


def name_of(application: str, until: str) -> str:
    """The name of the entry that lets a former secret of ``application`` be good until then (RFC 3339)."""
    return f"{application}{_UNTIL}{until}"


def entry(application: Application, *, digest: str, until: str) -> tuple[str, Application]:
    """The name and the entry of a former secret, by its digest."""
    former = msgspec.structs.replace(application, secret=digest, keys=[], rid="", active=False)
    return name_of(application.id, until), former


class Overlaps:
    """Who may still prove itself by what; found once in a bundle, remembered until another comes."""

    def __init__(self) -> None:
        self._bundle: Bundle | None = None
        self._former: dict[str, list[tuple[datetime, str]]] = {}

    def digests(self, application: Application, bundle: Bundle) -> list[str]:
        """The digests of the secrets that prove ``application`` now, the present one first."""
        present = [application.secret] if application.secret else []
        former = self._of(bundle).get(application.id)
        if not former:
            return present
        now = clock.now()
        return [*present, *(digest for until, digest in former if now < until)]

    def _of(self, bundle: Bundle) -> dict[str, list[tuple[datetime, str]]]:
        if self._bundle is not bundle:
            self._former = {}
            for application, until, digest in _entries(bundle):
                self._former.setdefault(application, []).append((until, digest))
            self._bundle = bundle
        return self._former


def _entries(bundle: Bundle) -> Iterator[tuple[str, datetime, str]]:
    for name, one in bundle.applications.items():
        if name != one.id and name.startswith(one.id + _UNTIL):
            yield one.id, clock.parse(name.removeprefix(one.id + _UNTIL)), one.secret
