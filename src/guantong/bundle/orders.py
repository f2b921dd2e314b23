"""指令: what a person or the timetable wants of a job now, signed like the bundle, one file an order.

The bundle says what may be done at all and for how long; orders only say *now*, *stop*, *again from there*. They
lie in ``<folder>/<number>.order`` until the data plane has taken them; the number of the last one taken stands in
``taken``, so that none is obeyed twice, whatever a crash leaves behind.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from guantong.bundle.statement import Statement
from guantong.kit import durable, envelope
from guantong.kit.errors import GuantongError
from guantong.kit.suites import SigningKey, VerifyKey

KIND = "guantong/order@v1"
TAKEN = "taken"
Verb = Literal["run", "stop", "cancel", "replay", "backfill", "resend"]


class Order(Statement, frozen=True):
    """One order for one job of one node. Numbers grow by one node's orders, whatever job they are for.

    - ``run``: begin a run now, or go on with the one that stands open;
    - ``stop``: end at the next chunk; the run stands open;
    - ``cancel``: end at the next chunk, and give the open run up;
    - ``replay``: begin a new run from the watermark ``since`` (empty: from the beginning);
    - ``backfill`` (补数): begin a run over the watermarks from ``since`` (empty: the first) to ``until``, both
      included, that leaves the job's own watermark where it is;
    - ``resend`` (补正重送): begin a run over the corrected rows of ``file``, which lies at the reading place.
    """

    number: int
    node: str
    job: str
    verb: Verb
    at: str
    since: str = ""
    until: str = ""
    file: str = ""


class OrderTampered(GuantongError):
    """An order's signature or form is wrong, or it is another node's."""

    code = "order_tampered"
    status = 422
    zh = "作业指令 {file} 的签名或格式有误，已忽略。"
    en = "The order {file} is not signed by this node or cannot be read; it is ignored."


def leave(folder: Path, order: Order, key: SigningKey) -> None:
    """Leave an order for the data plane. Leaving it again changes nothing, also after it was taken."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if order.number > taken(folder):
        raw = envelope.seal(KIND, msgspec.to_builtins(order), key)
        durable.replace(folder / f"{order.number:016d}.order", raw)


def lay_down(folder: Path, raw: bytes, keyring: Mapping[str, VerifyKey], *, node: str) -> Order:
    """Keep an order that came by other ways than :func:`leave`, if it is new. OrderTampered."""
    order = _judged(raw, keyring, "-")
    if order.node != node:
        raise OrderTampered(file="-")
    if order.number > taken(folder):
        durable.replace(folder / f"{order.number:016d}.order", raw)
    return order


def waiting(folder: Path, keyring: Mapping[str, VerifyKey], *, node: str) -> list[Order]:
    """The orders that have not been taken yet, in order.

    Raises OrderTampered for the first that is not ours, once: its file is put aside as ``*.refused``, so that
    it holds up no other.
    """
    last = taken(folder)
    found = []
    for file in sorted(folder.glob("*.order")) if folder.is_dir() else []:
        try:
            found.append(_read(file, keyring, node))
        except OrderTampered:
            file.replace(file.with_suffix(".refused"))
            raise
    return [order for order in found if order.number > last]


def take(folder: Path, order: Order) -> None:
    """Note that the order, and with it every earlier one, is being obeyed: it will not be waiting again."""
    durable.replace(folder / TAKEN, str(max(order.number, taken(folder))).encode())
    for file in folder.glob("*.order"):
        if int(file.stem) <= order.number:
            file.unlink(missing_ok=True)


def taken(folder: Path) -> int:
    """The number of the last order that was taken; 0 before the first."""
    try:
        return int((folder / TAKEN).read_text("ascii"))
    except FileNotFoundError:
        return 0


def _read(file: Path, keyring: Mapping[str, VerifyKey], node: str) -> Order:
    order = _judged(file.read_bytes(), keyring, file.name)
    if order.node != node or f"{order.number:016d}" != file.stem:
        raise OrderTampered(file=file.name)
    return order


def _judged(raw: bytes, keyring: Mapping[str, VerifyKey], name: str) -> Order:
    try:
        sealed = envelope.read(raw)
        sealed.check(keyring)
        order = msgspec.convert(sealed.body, Order)
    except (GuantongError, msgspec.ValidationError) as error:
        raise OrderTampered(file=name) from error
    if sealed.kind != KIND:
        raise OrderTampered(file=name)
    return order
