"""Guang'an's log, witnessed by the province: one small cast for all evidence tests."""

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from guantong.evidence import spool
from guantong.evidence.configuration import known_logs_file
from guantong.evidence.cosigning import Cosigning
from guantong.evidence.log import Log
from guantong.evidence.spool import Spool
from guantong.evidence.witness import Witness
from guantong.kit import envelope
from guantong.kit.suites import SigningKey, suite

INTERNATIONAL = suite("international")
CITY_NODE = INTERNATIONAL.generate("511600.guantong.example/node")
CITY_LOG = INTERNATIONAL.generate("511600.guantong.example/log")
PROVINCE_WITNESS = INTERNATIONAL.generate_witness("510000.guantong.example/witness")


def receipt(number: int, *, key: SigningKey = CITY_NODE, node: str = "511600", **more: object) -> bytes:
    body = {
        "call": f"call-{number}",
        "role": "provider",
        "node": node,
        "at": "2026-11-22T13:20:00.123Z",
        "consumer": {"node": "511600", "organisation": "教育局", "application": "window"},
        "provider": {"node": "000000", "organisation": "公安部门"},
        "resource": "307000/000001",
        "fields": ["姓名", "籍贯"],
        "grant": "g-1",
        "purpose": "入学审核",
        "decision": "allow",
        "rows": 1,
        **more,
    }
    return envelope.seal("guantong/receipt@v1", body, key)


def policy_text(url: str = "", *, log: SigningKey = CITY_LOG, witness: SigningKey = PROVINCE_WITNESS) -> str:
    return f"log {log.public.to_text()}\nwitness province {witness.public.to_text()} {url}\nquorum province\n"


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class City:
    """A log with one writer, and a witness that is asked without a network."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log_folder = home / "log"
        self.spool_folder = home / "spool"
        self.log_folder.mkdir(parents=True, exist_ok=True)
        (self.log_folder / "policy").write_text(policy_text("http://province.example"))
        (home / "known-logs").write_text(f"# logs\n{CITY_LOG.public.to_text()}\n")
        known = known_logs_file(home / "known-logs")
        self.witness = Witness(home / "witness.sqlite", PROVINCE_WITNESS, known.current)
        self.spool = Spool(self.spool_folder, "gateway-1")
        self.log = self.opened()

    def opened(self) -> Log:
        return Log(self.log_folder, self.spool_folder, CITY_LOG)

    def append(self, *records: bytes) -> None:
        for record in records:
            self.spool.append_now(record)

    def settle(self) -> None:
        """Integrate, sign, and have it cosigned."""
        self.sign()
        self.cosign()

    def sign(self) -> None:
        while self.log.integrate():
            pass
        self.log.sign()

    def cosign(self) -> list[str]:
        return asyncio.run(self._cosign())

    async def _cosign(self) -> list[str]:
        async def consistency(old: int, new: int) -> list[bytes]:
            return self.log.consistency(old, new)

        cosigning = Cosigning(self.send, consistency)
        found = await cosigning.ask(self.log.latest, self.log.policy.witnesses.values())
        self.log.cosign(self.log.latest, found)
        return list(cosigning.troubles.values())

    async def send(self, method: str, url: str, body: bytes) -> Reply:
        assert (method, url) == ("POST", "http://province.example/add-checkpoint")
        answer = self.witness.add_checkpoint(body)
        return Reply(answer.status, {"content-type": answer.content_type}, answer.body)

    def proof(self, record: bytes) -> bytes:
        return self.log.proof(sha256(record).digest()).with_record(record).to_bytes()

    def records(self) -> list[bytes]:
        return [one.record for one in spool.read(self.spool_folder, "gateway-1")]

    def close(self) -> None:
        self.spool.close()
        self.log.close()
        self.witness.close()
