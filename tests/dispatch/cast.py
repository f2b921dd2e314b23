"""A granted batch: the police's residence permits go to the education bureau every night."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from guantong.catalog import actions as catalog
from guantong.dispatch import actions
from guantong.dispatch.models import Job, Target
from guantong.dispatch.types import Declaration, TargetDeclaration
from guantong.evidence.spool import Spool
from guantong.journal.types import Actor
from guantong.kit import clock, envelope
from guantong.kit.suites import INTERNATIONAL
from guantong.sharing import actions as sharing
from guantong.sharing.models import Grant
from tests.cast import Cast, assemble, need, publish_permits

KEY = INTERNATIONAL.generate("511600.guantong.example/node")
COLUMNS = {"id_number": "id_number", "residence_division": "lives_in", "valid_to": "valid_to"}


class Desk:
    """The town with a published and linked resource, a grant for batches, and a target."""

    def __init__(self, at: datetime, **changes: Any) -> None:
        self.at = at
        self.cast: Cast = assemble()
        resource = publish_permits(self.cast)
        link = {"source": "police", "dialect": "sqlite", "table": "permits"}
        catalog.link(
            resource,
            columns={name: name for name in COLUMNS},
            by=self.cast.as_actor(self.cast.luo),
            at=at,
            **link,
        )
        values = {"modes": ["batch"], "fields": list(COLUMNS), **changes}
        asked = sharing.file_request(
            need(**values), consumer=self.cast.education, by=self.cast.as_actor(self.cast.xu), at=at
        )
        for person in (self.cast.jiang, self.cast.tian):
            sharing.decide(asked, "approved", by=self.cast.as_actor(person), at=at)
        self.grant = Grant.objects.get()
        self.target = self.declare_target()

    @property
    def xu(self) -> Actor:
        return self.cast.as_actor(self.cast.xu)

    def declare_target(self, **changes: Any) -> Target:
        values: dict[str, Any] = {
            "name": "居住证专题表",
            "source": "education",
            "dialect": "sqlite",
            "table": "permits",
            "columns": COLUMNS,
        }
        said = msgspec.convert({**values, **changes}, TargetDeclaration)
        return actions.declare_target(said, organisation=self.cast.education, by=self.xu, at=self.at)

    def declaration(self, **changes: Any) -> Declaration:
        values: dict[str, Any] = {
            "name": "居住证每夜归集",
            "grant": self.grant.code,
            "application": "one-window",
            "target": self.target.code,
            "fields": ["residence_division", "valid_to"],
        }
        return msgspec.convert({**values, **changes}, Declaration)

    def declare(self, **changes: Any) -> Job:
        return actions.declare_job(self.declaration(**changes), by=self.xu, at=self.at)


def run_name(at: datetime, tail: str = "00000001") -> str:
    return f"{int(at.timestamp() * 1000):013d}-{tail}"


def tell(
    folder: Path, job: Job, run: str, *, at: datetime, begun: datetime | None = None, **news: Any
) -> None:
    """What the data plane writes about a run."""
    told = {
        "job": job.code,
        "run": run,
        "state": "running",
        "chunk": 0,
        "read": 0,
        "applied": 0,
        "refused": 0,
        "expected": 0,
        "resumed_rows": 0,
        "error": None,
        "started_at": clock.rfc3339(begun or at),
        "rate": 0,
        "seconds_left": None,
        "updated_at": clock.rfc3339(at),
        "process": 1,
    }
    place = folder / "progress"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{job.code}.json").write_text(json.dumps({**told, **news}), "utf-8")


def sign_for(
    spool: Spool, job: Job, run: str, role: str, *, rows: int, chunk: int = 0, refused: int = 0,
    consumer_node: str = "511600",
) -> None:  # fmt: skip
    """A batch receipt, as the data plane spools it."""
    batch = {"job": job.code, "run": run}
    batch |= {"chunk": chunk, "refused": refused} if role == "provider" else {"chunks": 1}
    body = {
        "call": run,
        "trace": run,
        "role": role,
        "node": "511600",
        "at": clock.rfc3339(clock.now()),
        "consumer": {"node": consumer_node, "organisation": job.consumer, "application": "one-window"},
        "provider": {"node": "511600", "organisation": job.provider},
        "resource": job.resource,
        "version": 1,
        "mode": "batch",
        "fields": job.terms["fields"],
        "grant": job.grant.code,
        "purpose": job.grant.purpose,
        "case": "",
        "subject": "",
        "request": "sha-256:00",
        "answer": f"sha-256:{role}{chunk}",
        "rows": rows,
        "decision": "allow",
        "reason": None,
        "rule": f"grant:{job.grant.code}",
        "batch": batch,
        "chain": f"{job.grant.code}/exchange",
        "n": 1,
        "prev": None,
    }
    spool.append_now(envelope.seal("guantong/receipt@v1", body, KEY))


def later(at: datetime, seconds: float) -> datetime:
    return at + timedelta(seconds=seconds)
