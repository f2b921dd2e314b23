"""Several files at once: agreements with their documents, archives with whatever is in them, exports as a whole.

An archive is never unpacked to disk: its members are read one by one, within limits, so that neither a bomb nor a
name that leads elsewhere does any harm. An *export* is an archive whose ``manifest.json`` is a signed statement that
names every other member with its size and digest; it is read as a stream, however large.
"""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from typing import IO, Any

from guantong.evidence.agreements import AGREEMENT_KIND, digest_of
from guantong.evidence.keysets import KeySet
from guantong.evidence.verdicts import LARGEST_FILE, Examination, FileTooLarge, Verdict
from guantong.evidence.verifier import verify
from guantong.kit import envelope
from guantong.kit.envelope import NotAnEnvelope
from guantong.kit.errors import GuantongError
from guantong.kit.zips import DAMAGE

EXPORT_KIND = "guantong/export@v1"
MANIFEST = "manifest.json"
MOST_MEMBERS = 500
LARGEST_LOOSE = 1 << 26
"""Bytes of all members together of an archive that is no export, unpacked: they are held at once."""
LARGEST_EXPORT = 1 << 36
"""Bytes of an export, unpacked: a stop for bombs, far above what a node exports."""

_ARCHIVE = b"PK\x03\x04"
_PIECE = 1 << 16


class ArchiveUnreadable(GuantongError):
    """A zip that cannot be read as it should."""

    code = "archive_unreadable"
    zh = "压缩包无法读取：{why_zh}。"
    en = "The archive cannot be read: {why_en}."


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file to be examined: its name, and its bytes as a file that can be read from any place."""

    name: str
    file: IO[bytes]


def verify_all(
    dropped: Sequence[Dropped], keys: KeySet, *, most: int = LARGEST_EXPORT
) -> Iterator[tuple[str, Verdict]]:
    """What each file comes to, an archive's members apart; a document goes with the agreement of its name.

    One agreement and one document given together belong together, whatever their names. ``most``: the bytes to which
    one export may unpack.
    """
    loose: list[tuple[str, bytes | None]] = []
    archives: list[Dropped] = []
    for each in dropped:
        each.file.seek(0)
        if each.file.read(len(_ARCHIVE)) == _ARCHIVE:
            archives.append(each)
        else:
            each.file.seek(0)
            loose.append((each.name, _bounded(each.file)))
    yield from _verify_together(loose, keys)
    for each in archives:
        yield from _verify_archive(each, keys, most)


def _verify_together(
    files: Sequence[tuple[str, bytes | None]], keys: KeySet
) -> Iterator[tuple[str, Verdict]]:
    documents = {name: data for name, data in files if data is not None and data.startswith(b"%PDF-")}
    statements = [name for name, data in files if data is not None and _is_agreement(data)]
    used = set()
    verdicts = []
    for name, data in files:
        if data is None:
            verdicts.append((name, _refused(FileTooLarge(limit=LARGEST_FILE), keys)))
        elif name in statements and (
            found := _document_of(name, data, documents, alone=len(statements) == 1)
        ):
            used.add(found)
            verdicts.append((name, verify(data, keys, documents[found])))
        elif name not in documents:
            verdicts.append((name, verify(data, keys)))
    yield from verdicts
    for name, data in documents.items():
        if name not in used:
            yield name, verify(data, keys)


def _document_of(name: str, statement: bytes, documents: dict[str, bytes], *, alone: bool) -> str | None:
    """The document that goes with a statement: the one that it names, else that of its name, else the only one."""
    named = _named_document(statement)
    fitting = [each for each, data in documents.items() if digest_of(data) == named]
    beside = [
        each
        for each in documents
        if PurePosixPath(each).with_suffix("") == PurePosixPath(name).with_suffix("")
    ]
    only = list(documents) if alone and len(documents) == 1 else []
    return next(iter([*fitting, *beside, *only]), None)


def _named_document(statement: bytes) -> str:
    try:
        digest = envelope.read(statement).body["document"]["digest"]
    except (NotAnEnvelope, LookupError, TypeError):
        return ""
    return str(digest)


def _is_agreement(data: bytes) -> bool:
    return data.startswith(b'{"body":') and f'"kind":"{AGREEMENT_KIND}"'.encode() in data


def _verify_archive(dropped: Dropped, keys: KeySet, most: int) -> Iterator[tuple[str, Verdict]]:
    dropped.file.seek(0)
    try:
        archive = _opened(dropped.file)
    except ArchiveUnreadable as fault:
        yield dropped.name, _refused(fault, keys)
        return
    with archive:
        members = [each for each in archive.infolist() if not each.is_dir()]
        try:
            manifest = _read_export(archive, members)
            _demand_size(members, LARGEST_LOOSE if manifest is None else most)
            # Only what reading may raise is caught: what goes wrong while it is judged is a fault of ours.
            read = (
                []
                if manifest
                else [(f"{dropped.name}/{each.filename}", _member(archive, each)) for each in members]
            )
        except ArchiveUnreadable as fault:
            yield dropped.name, _refused(fault, keys)
            return
        if manifest is not None:
            yield dropped.name, _verify_export(archive, members, manifest, keys)
            return
    yield from _verify_together(read, keys)


def _opened(file: IO[bytes]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except DAMAGE:
        raise ArchiveUnreadable(why_zh="已损坏或已加密", why_en="it is damaged or encrypted") from None


def _demand_size(members: Sequence[zipfile.ZipInfo], most: int) -> None:
    # What a member says of its size is held against it: reading stops there, and its checksum must fit.
    if sum(each.file_size for each in members) > most:
        raise ArchiveUnreadable(
            why_zh=f"解开后超过 {most} 字节，请离线核验",
            why_en=f"it unpacks to more than {most} bytes; check it offline",
        )


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | None:
    try:
        with archive.open(member) as file:
            return _bounded(file)
    except DAMAGE:
        raise ArchiveUnreadable(why_zh="已损坏或已加密", why_en="it is damaged or encrypted") from None


def _read_export(archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo]) -> bytes | None:
    """The manifest of a signed export, None if the archive is none. ArchiveUnreadable."""
    names = [each.filename for each in members]
    if not members or len(members) > MOST_MEMBERS or len(set(names)) < len(names):
        raise ArchiveUnreadable(
            why_zh=f"应有 1 至 {MOST_MEMBERS} 个文件，且不得重名",
            why_en=f"1 to {MOST_MEMBERS} files of different names are wanted",
        )
    raw = _member(archive, archive.getinfo(MANIFEST)) if MANIFEST in names else None
    return raw if raw is not None and f'"kind":"{EXPORT_KIND}"'.encode() in raw else None


def _verify_export(
    archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo], manifest: bytes, keys: KeySet
) -> Verdict:
    """An export as a whole: the manifest's signatures, then each file that it names, then what it does not name."""
    stated = verify(manifest, keys)
    seen = Examination(keys, list(stated.faults), dict(stated.facts))
    body = seen.facts.get("body", {})
    listed = _listed(body)
    if listed is None:
        seen.fault("export_incomplete", "导出清单内容不全。", "The export's manifest is not complete.")
        return seen.verdict()
    seen.facts |= {"form": "export", "has_files": True}
    present = {each.filename: each for each in members if each.filename != MANIFEST}
    for name, (size, digest) in listed.items():
        _examine_file(archive, present.pop(name, None), name, size, digest, seen)
    for name in present:
        seen.fault(
            "export_file_unknown",
            f"文件 {name} 不在签名清单中。",
            f"The file {name} does not stand in the signed manifest.",
        )
    if not seen.faults:
        seen.passed("export_whole")
    return seen.verdict()


def _examine_file(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo | None,
    name: str,
    size: int,
    digest: str,
    seen: Examination,
) -> None:
    if member is None:
        seen.fault("export_file_missing", f"缺少文件 {name}。", f"The file {name} is missing.")
        return
    hashed, count = sha256(), 0
    try:
        with archive.open(member) as file:
            while piece := file.read(_PIECE):
                hashed.update(piece)
                count += len(piece)
    except DAMAGE:
        seen.fault("export_file_damaged", f"文件 {name} 已损坏。", f"The file {name} is damaged.")
        return
    if (count, f"sha-256:{hashed.hexdigest()}") != (size, digest):
        seen.fault(
            "export_file_changed",
            f"文件 {name} 与签名清单不符：内容被改动过。",
            f"The file {name} is not what the manifest signs: it was changed.",
        )


def _listed(body: Any) -> dict[str, tuple[int, str]] | None:
    try:
        found = {each["name"]: (each["size"], each["digest"]) for each in body["files"]}
    except (LookupError, TypeError):
        return None
    return found if found and len(found) == len(body["files"]) else None


def _bounded(file: IO[bytes]) -> bytes | None:
    """The file's bytes; None beyond the limit."""
    data = file.read(LARGEST_FILE + 1)
    return None if len(data) > LARGEST_FILE else data


def _refused(fault: GuantongError, keys: KeySet) -> Verdict:
    seen = Examination(keys)
    seen.fault_of(fault)
    return seen.verdict()
