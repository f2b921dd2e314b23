"""Which records may leave the spool: those that the log has had witnessed and the journal has taken in."""

from datetime import datetime, timedelta

from guantong.evidence import archive, notes, spool
from guantong.evidence.archive import Archive, Segment
from guantong.evidence.checkpoints import read_checkpoint
from guantong.evidence.index import Index
from guantong.journal.models import SpoolPosition
from guantong.kit.settings import Settings

# The batch exchange finds in its spool which runs are closed. It writes one receipt a run: there is no need to pack them.
_KEPT = ("exchange", "edge")


def archive_of(settings: Settings) -> Archive:
    """This node's archive."""
    return Archive(settings.archive_place)


def archive_old(settings: Settings, *, days: int, at: datetime) -> list[Segment]:
    """Pack the sealed segments that are older than so many days and that nobody needs any more; which ones."""
    before = at - timedelta(days=days)
    return archive.move_old(archive_of(settings), settings.spool_folder, _floors(settings), before=before)


def _floors(settings: Settings) -> dict[str, int]:
    """Writer → the offset before which its records are witnessed leaves and rows of the journal."""
    taken = dict(SpoolPosition.objects.values_list("writer", "position"))
    path = settings.log_folder / "log.sqlite"
    if not path.exists():
        return {}
    index = Index(path)
    try:
        content = index.note("witnessed")
        size = read_checkpoint(notes.read(content).text).size if content else 0
        writers = [one for one in spool.writers(settings.spool_folder) if not one.startswith(_KEPT)]
        return {writer: min(index.settled(writer, size), taken.get(writer, 0)) for writer in writers}
    finally:
        index.close()
