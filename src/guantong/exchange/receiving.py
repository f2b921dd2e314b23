"""The consumer's half of a run: fit each chunk to the target, apply it with its line in the ledger, close the run.

The target's ledger alone says how far a run has come; nothing else has to survive.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

import polars as pl

from guantong.exchange.columns import GONE, Column
from guantong.exchange.decide import Permit
from guantong.exchange.errors import ColumnsMissing, TargetKeyMissing
from guantong.exchange.fitting import Fit, Fitted
from guantong.exchange.node import Node
from guantong.exchange.passing import are_alike
from guantong.exchange.producing import Parcel
from guantong.exchange.progress import Progress
from guantong.exchange.quarantine import put_aside
from guantong.exchange.receipts import Deed
from guantong.exchange.targets.applying import Entry, Landing, Load, Standing
from guantong.exchange.targets.opening import open_target


class Receiver:
    """One run's writing side. ``travelling`` are the fields as they arrive; ``is_ordered``: a run can resume."""

    def __init__(
        self,
        node: Node,
        permit: Permit,
        travelling: Mapping[str, Column],
        progress: Progress,
        *,
        is_ordered: bool,
    ) -> None:
        """Open the target. ColumnsMissing, TypeUnfit, or what the database says."""
        self._node = node
        self._permit = permit
        self._progress = progress
        self._is_ordered = is_ordered
        self._travelling = {item: column for item, column in travelling.items() if item != GONE}
        self.landing = _landing(permit, self._travelling, is_ordered=is_ordered, deletes=GONE in travelling)
        self._target = open_target(permit, self.landing, node)
        try:
            self._fit = self._fitted(self._travelling)
            key = {item: self._travelling[item] for item in permit.job.key if self.landing.deletes}
            self._key_fit = self._fitted(key)
        except BaseException:
            self._target.close()
            raise

    def standing(self) -> Standing:
        """How far the job has come here."""
        return self._target.standing()

    def begin(self, run: str, *, fresh: bool) -> None:
        """Make ready for chunks of ``run``; ``fresh`` forgets a run that stands open."""
        self._target.begin(run, fresh=fresh)

    def give_up(self) -> None:
        """Forget the run that stands open. What it applied stays."""
        self._target.give_up()

    def encoded(self, parcel: Parcel) -> tuple[Load, int]:
        """The parcel as the target takes it, and how many of its rows cannot be stored (they are put aside)."""
        if parcel.frames is not None:
            return Load(parcel.frames.rows, parcel.frames), 0
        if self.landing.deletes:
            return self._differing(parcel)
        fitted = self._fit.fit(self._once(parcel.rows))
        self._put_aside(fitted, parcel)
        return self._target.encode(fitted.rows), fitted.refused.height

    def _differing(self, parcel: Parcel) -> tuple[Load, int]:
        """Of rows and tombstones of one key the last one counts. No row is there for a key that does not fit."""
        rows = parcel.rows.unique(self._permit.job.key, keep="last", maintain_order=True)
        fitted = self._fit.fit(rows.filter(~pl.col(GONE)).drop(GONE))
        self._put_aside(fitted, parcel)
        load = self._target.encode(fitted.rows)
        gone = self._key_fit.fit(rows.filter(pl.col(GONE)).select(self._permit.job.key)).rows
        if gone.height:
            load = Load(load.rows + gone.height, load.data, self._target.encode_gone(gone))
        return load, fitted.refused.height

    def _put_aside(self, fitted: Fitted, parcel: Parcel) -> None:
        if fitted.refused.height:
            body = parcel.manifest.body
            put_aside(
                self._node.quarantine, job=body["job"], run=body["run"], chunk=body["chunk"],
                side="target", rows=fitted.refused,
            )  # fmt: skip

    def takes(self, offered: Mapping[str, Column] | None) -> bool:
        """Whether the source's columns ``offered`` are of this table's types, so that rows may pass as they are."""
        takes = getattr(self._target, "takes_frames", None)
        if offered is None or takes is None:
            return False
        found, columns = self._target.find().columns, self._permit.target.columns
        taken = {item: found[columns[item]] for item in self._travelling}
        is_once = self._is_ordered or self.landing.aside or not self.landing.key
        return is_once and are_alike(self._travelling, offered, taken) and bool(takes())

    def apply(self, parcel: Parcel, load: Load, refused: int) -> None:
        """Write the chunk and its line."""
        body = parcel.manifest.body
        self._target.apply(
            load,
            Entry(
                body["run"],
                body["chunk"],
                load.rows,
                parcel.manifest.raw,
                parcel.place,
                parcel.high,
                parcel.manifest.digest,
            ),
        )
        self._progress.mark(body["watermark"])
        self._progress.add(
            chunk=body["chunk"],
            read=parcel.read,
            applied=load.rows,
            refused=parcel.refused + refused,
            size=body["size"],
        )

    def close_run(self, parcel: Parcel) -> tuple[int, int]:
        """The run is whole: put it in place, leave the receipt; how many rows and chunks it had."""
        run = parcel.manifest.body["run"]
        before = self.standing()
        is_known = before.run == run
        rows, chunks = (before.rows, before.chunk) if is_known else (0, 0)
        if not (is_known and before.is_closed):
            self._target.close_run(
                Entry(run, 0, rows, parcel.manifest.raw, (), parcel.high, parcel.manifest.digest)
            )
        self._sign_for(run, chunks, rows, parcel.manifest.digest, parcel.manifest.body["declaration"])
        return rows, chunks

    def sign_for_the_last(self, declaration: str) -> None:
        """Leave the receipt of the last closed run, if a crash came between its closing and its receipt."""
        last = self.standing()
        if last.is_closed and last.run and not self._node.accounts.has_closed(self._permit.job.id, last.run):
            self._sign_for(last.run, last.chunk, last.rows, last.previous, declaration)

    def close(self) -> None:
        """Give the target back."""
        self._target.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fitted(self, travelling: Mapping[str, Column]) -> Fit:
        found, declared = self._target.find(), self._permit.target
        missing = [
            declared.columns[item] for item in travelling if declared.columns[item] not in found.columns
        ]
        if missing:
            raise ColumnsMissing(name=declared.source, table=declared.table, columns=", ".join(missing))
        key = frozenset(self.landing.key)
        if key and not self.landing.aside and key not in found.keys:
            raise TargetKeyMissing(table=declared.table, columns=", ".join(self.landing.key))
        return Fit(
            travelling,
            found.columns,
            declared.columns,
            stores_nul=self._target.stores_nul,
            stores_nan=self._target.stores_nan,
        )

    def _once(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Of rows with one key the last, where the source does not promise that there is but one."""
        if self._is_ordered or self.landing.aside or not self.landing.key:
            return rows
        return rows.unique(self._permit.job.key, keep="last", maintain_order=True)

    def _sign_for(self, run: str, chunks: int, rows: int, manifest: str, declaration: str) -> None:
        deed = Deed(
            role="consumer",
            batch={"job": self._permit.job.id, "run": run, "chunks": chunks},
            rows=rows,
            manifest=manifest,
            declaration=declaration,
        )
        self._node.accounts.write(self._permit, deed)


def _landing(permit: Permit, travelling: Mapping[str, Column], *, is_ordered: bool, deletes: bool) -> Landing:
    """Rows that a broken run could not take back, or not resume, are gathered aside first."""
    job, target = permit.job, permit.target
    aside = job.writing == "replace" or (job.writing == "append" and not is_ordered)
    return Landing(
        job=job.id,
        table=target.table,
        columns={target.columns[item]: column for item, column in travelling.items()},
        writing=job.writing,
        key=tuple(target.columns[item] for item in job.key if item in job.fields),
        deletes=deletes,
        aside=aside and job.reading == "full",
    )
