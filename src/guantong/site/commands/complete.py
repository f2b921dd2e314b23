"""``guantong complete``: are this node's receipts, or those in the files given, all there? Names each missing number."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from guantong.evidence import archive, marks, spool
from guantong.evidence.archive import Archive
from guantong.evidence.chains import Completeness, link_of
from guantong.evidence.proofs import ProofMalformed, read_proof
from guantong.kit.errors import GuantongError, Language
from guantong.site.node import node_settings

# Where a writer notes how far its chains go.


def main(argv: Sequence[str]) -> int:
    """0 if nothing is missing, 1 if something is. Without files: the spool and the archive of this node.

    Files are receipts, proof files with their record, or folders of a spool; ``--until CHAIN=N`` says how far a chain goes.
    """
    parser = argparse.ArgumentParser(
        prog="guantong complete", description="核对凭证编号 / are all receipts there"
    )
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--until", action="append", default=[], metavar="CHAIN=N")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    asked = parser.parse_args(argv)
    ends = {name: int(number) for name, _, number in (each.rpartition("=") for each in asked.until)}
    completeness = Completeness()
    records: Iterator[bytes]
    if asked.files:
        records = chain.from_iterable(map(_records, asked.files))
    else:
        settings = node_settings()
        store = Archive(settings.archive_place)
        records = _own(settings.spool_folder, store)
        ends = marks.ends(settings.spool_folder) | ends
    for record in records:
        with suppress(GuantongError):  # not a statement: nothing with a number
            link = link_of(record)
            if link:
                completeness.take(link)
    return _tell(completeness, ends, asked.lang)


def _tell(completeness: Completeness, ends: dict[str, int], language: Language) -> int:
    flaws, counts = completeness.flaws(ends), completeness.counts()
    lines = [flaw.sentence(language) for flaw in flaws]
    total = sum(counts.values())
    if language == "zh":
        lines.append(
            f"{len(counts)} 条链，{total} 份凭证，{len(flaws) or '没有'}{'处缺失或错误' if flaws else '缺失'}。"
        )
    else:
        lines.append(
            f"{len(counts)} chains, {total} receipts, {len(flaws) or 'nothing missing'}{' flaws' * bool(flaws)}."
        )
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if flaws else 0


def _own(spools: Path, store: Archive) -> Iterator[bytes]:
    for writer in sorted({*spool.writers(spools), *store.writers()}):
        for spooled in archive.read(spools, store, writer):
            yield spooled.record


def _records(path: Path) -> Iterator[bytes]:
    if path.is_dir():
        if spool.first(path.parent, path.name) is None:
            raise spool.SpoolDamaged(writer=path.name, offset=0)
        start = spool.first(path.parent, path.name) or 0
        yield from (spooled.record for spooled in spool.read(path.parent, path.name, start))
        return
    data = path.read_bytes()
    try:
        record = read_proof(data).extra
    except ProofMalformed:
        record = data
    if record:
        yield record
