"""``guantong web``: the control plane under granian (Django synchronous, WSGI)."""

from collections.abc import Sequence

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from guantong.site.node import node_settings


def main(argv: Sequence[str]) -> int:
    """Serve until told to stop; no arguments."""
    del argv
    settings = node_settings()
    server = Granian(
        "guantong.site.wsgi:application",
        address=settings.host,
        port=settings.web_port,
        interface=Interfaces.WSGI,
        workers=settings.web_workers,
        blocking_threads=settings.web_threads,
        log_access=False,
        log_level=LogLevels.warning,
    )
    server.serve()
    return 0
