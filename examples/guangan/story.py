"""The pilot story, headless: a migrant worker's child starts school, and every look-up is proved.

Each turn is done as a person would do it, over HTTP: pages opened, forms filled in and sent. Prints the steps,
writes ``summary.json``, the proofs and the public keys, and is an error if anything is off.
"""

import io
import json
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from examples.guangan import families, places
from examples.guangan.town import ROOT, Town
from examples.guangan.visitor import Page, Visitor
from guantong.counter.gateway_client import Failed, GatewayClient, Question
from guantong.kit import canonical, envelope
from guantong.kit.keyrings import NodeKeys
from guantong.kit.suites import SigningKey, VerifyKey

NATION, PROVINCE, CITY = places.PLACES
T = TypeVar("T")

# What the item needs of each resource, and no more: the least fields.
NEEDS: dict[str, tuple[str, list[str]]] = {
    "1010010000001/000001": ("verify", ["name", "birth_date", "birthplace", "guardian"]),
    "3070511600001/000001": ("query", ["residence_division", "valid_from", "valid_to"]),
    "3070511600002/000001": ("query", ["insured_months", "last_paid_month", "status"]),
    "3070511600003/000001": ("query", ["kind", "contract_to"]),
    "3070511600004/000001": ("query", ["uscc", "state", "established_on"]),
}
LAW = "《中华人民共和国义务教育法》第十二条；国务院令第809号《政务数据共享条例》"


class StoryBroken(AssertionError):
    """Something did not happen as told."""


@dataclass
class Step:
    """One turn of the story: what, how long, at which node, and the receipt it left, if it left one."""

    name: str
    ms: int
    node: str
    receipt: str | None = None


@dataclass
class Story:
    """The story in one town; ``folder`` takes the summary, the proofs and the keys."""

    town: Town
    folder: Path
    seed: int
    say: Callable[[str], None] = print
    steps: list[Step] = field(default_factory=list)
    _visitors: dict[str, Visitor] = field(default_factory=dict)

    def tell(self) -> None:
        """Everything from the catalogue to the verifier; StoryBroken where it goes wrong."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        drawn = families.draw(self.town.folder / "tables", self.seed)
        is_fine = False
        try:
            self.publish()
            self.share()
            admitted = self.admit(drawn.admitted)
            refused = self.refuse(drawn.refused)
            self.mistype(drawn.mistyped)
            self.stranger(drawn.admitted)
            self.prove([admitted, refused])
            is_fine = True
        finally:
            summary = {"ok": is_fine, "seed": self.seed, "steps": [asdict(step) for step in self.steps]}
            text = json.dumps(summary, ensure_ascii=False, indent=1)
            (self.folder / "summary.json").write_text(text, encoding="utf-8")

    # ── the turns ──

    def publish(self) -> None:
        """Departments publish; the catalogues travel up and down the tree."""
        for table in places.TABLES:
            department = places.DEPARTMENTS[table.department]
            code, name = table.content["code"], table.content["name"]
            with self._step(f"{department.name}发布「{name}」", department.node):
                self._as(f"{table.department}-officer").post(f"/find/{code}/submit", source=f"/find/{code}/")
                approver = self._as(f"{table.department}-approver")
                approver.post(f"/find/{code}/approve", source=f"/find/{code}/")
                bureau = self._as("nda-approver" if department.node == NATION else "data-approver")
                done = bureau.post(f"/find/{code}/publish", source=f"/find/{code}/")
                self._demand(done.status == 200, done)
        with self._step("目录逐级汇聚、下行：三个节点都查到全部五个目录", CITY):
            for node in places.PLACES:
                self._until(partial(self._has_all, node), f"the catalogue at {node}")

    def share(self) -> None:
        """The education bureau asks for what the item needs; provider and bureau approve; grants reach the gateways."""
        officer = self._as("education-officer")
        for table in places.TABLES:
            department, code = places.DEPARTMENTS[table.department], table.content["code"]
            with self._step(f"{places.EDUCATION}申请「{table.content['name']}」", CITY):
                filed = self._file(officer, code)
            with self._step(f"{department.name}和数据主管部门同意", department.node):
                bureau = "nda-approver" if department.node == NATION else "data-approver"
                for approver in (f"{table.department}-approver", bureau):
                    self._approve(self._as(approver), filed)
        with self._step("授权编入三个节点的签名快照", CITY):
            self._until(lambda: len(self._grants(officer)) == len(NEEDS), "the grants")
            self._until(self._gateways_know, "the bundles")

    def admit(self, family: families.Family) -> dict[str, Any]:
        """The first family: one form, no paper, a place."""
        with self._step("窗口受理：一张表，不收证明", CITY):
            case = self._take_in(family)
        with self._step("国家核验身份与出生地，四个市级部门并行查询，规则判定", CITY):
            shown = self._decided(case)
            self._demand(shown["state"] == "admitted", shown)
            self._demand(bool(shown["certificate"]), shown)
        self._note_lookups(shown)
        self.say(f"     入学资格证明 {shown['certificate']}")
        return shown

    def refuse(self, family: families.Family) -> dict[str, Any]:
        """The second family fails the rule and is told why."""
        with self._step("第二个家庭：不符合条件，说明理由", CITY):
            shown = self._decided(self._take_in(family))
            self._demand(shown["state"] == "refused" and shown["reason"] == "work_not_established", shown)
        self._note_lookups(shown)
        return shown

    def mistype(self, family: families.Family) -> None:
        """The third family's ID was mistyped: the form says so, and nothing has begun."""
        before = self._case_count()
        with self._step("第三个家庭：身份证号校验位不符，表单当场指出", CITY):
            values = asdict(family)
            values["child_id_number"] = families.with_wrong_check_digit(family.child_id_number)
            shown = self._as("clerk").post(f"/serve/items/{places.ITEM}/apply", _form(values))
            self._demand(shown.status == 422 and "校验位" in shown.text, shown)
            self._demand(self._case_count() == before, shown)

    def stranger(self, family: families.Family) -> None:
        """An application without a grant is refused, and the refusal leaves a receipt."""
        with self._step("没有授权的应用调用：拒绝，并留下凭证", CITY) as step:
            home = self.town.home(CITY)
            key = SigningKey.from_text((home / "keys" / "stranger.key").read_text().strip())
            client = GatewayClient(
                self.town.url(CITY, "gateway"),
                key,
                lambda: NodeKeys(self._node_key(CITY)),
                node=CITY,
                timeout_s=10,
            )
            question = Question(
                trace="",
                case="",
                resource="3070511600002/000001",
                mode="query",
                grant="-",
                purpose="统计",
                keys={"id_number": family.guardian_id_number},
                fields=["insured_months"],
            )
            answer = client.ask(question)
            if not isinstance(answer, Failed) or answer.status != 403 or answer.receipt is None:
                raise StoryBroken(str(answer))
            step.receipt = _digest(answer.receipt)

    def prove(self, cases: list[dict[str, Any]]) -> None:
        """Proofs are exported, and the offline verifier believes them."""
        with self._step("导出每次调用的证明", CITY):
            for case in cases:
                self._until(partial(self._export, case), "the proofs", within_s=30)
        with self._step("离线验证器逐一核验", CITY):
            keys = self.folder / "keys"
            shutil.copytree(self.town.home(CITY) / "keyset", keys)
            proofs = sorted(str(path) for path in self.folder.glob("*.proof"))
            self._demand(len(proofs) >= 12, proofs)
            verified = subprocess.run(  # noqa: S603 - our own verifier
                [sys.executable, "-m", "guantong", "verify", *proofs, "--keys", str(keys)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            self._demand(verified.returncode == 0, verified.stdout + verified.stderr)
        for line in verified.stdout.strip().splitlines():
            self.say(f"     {line}")

    # ── how each is done ──

    def _file(self, officer: Visitor, code: str) -> str:
        mode, wanted = NEEDS[code]
        values = {
            "wanted": wanted,
            "modes": [mode],
            "purpose": places.ITEM,
            "purpose_text": f"办理“{places.ITEM_NAME}”时核验申请家庭情况",
            "legal_basis": LAW,
            "applications": [places.COUNTER_APPLICATION],
            "per_day": 100_000,
            "per_second": 1000,
            "days": 365,
            "pledge_signed": "on",
        }
        filed = officer.post(f"/share/request?resource={code}", values)
        self._demand(filed.path.startswith("/share/requests/"), filed)
        return filed.path

    def _approve(self, approver: Visitor, path: str) -> None:
        self._until(lambda: 'value="approved"' in approver.get(path).text, f"{approver.name} to see {path}")
        done = approver.post(
            f"{path}decide", {"decision": "approved", "reason": "用途正当，字段最少"}, source=path
        )
        self._demand(done.status == 200, done)

    def _take_in(self, family: families.Family) -> str:
        taken = self._as("clerk").post(f"/serve/items/{places.ITEM}/apply", _form(asdict(family)))
        self._demand(taken.path.startswith("/serve/cases/"), taken)
        return taken.path

    def _decided(self, path: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            shown: dict[str, Any] = self._as("clerk").get(f"{path}?format=json").json()
            return shown if shown["state"] in {"admitted", "refused"} else None

        return self._until(look, "the decision")

    def _note_lookups(self, shown: dict[str, Any]) -> None:
        for lookup in shown["lookups"]:
            self.steps.append(Step(lookup["name"], lookup["ms"], lookup["provider_node"], lookup["receipt"]))
            self.say(f"     {lookup['name']}：{lookup['ms']} ms，由 {lookup['provider_node']} 节点作答")

    def _export(self, case: dict[str, Any]) -> bool:
        try:
            packed = self._as("clerk").raw(f"/serve/cases/{case['uuid']}/proofs.zip")
        except OSError:
            return False
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            names = [name for name in archive.namelist() if name.endswith(".proof")]
            for name in names:
                (self.folder / f"{case['number']}-{Path(name).name}").write_bytes(archive.read(name))
        return len(names) >= len(case["lookups"])

    def _has_all(self, node: str) -> bool:
        return self._catalogue(node) >= set(NEEDS)

    def _catalogue(self, node: str) -> set[str]:
        page = Visitor(self.town.url(node)).get("/find/?format=json&sharing=conditional")
        return {row["code"] for row in page.json()["rows"]}

    def _grants(self, officer: Visitor) -> list[str]:
        rows = officer.get("/share/grants/?format=json").json()["rows"]
        return [row["code"] for row in rows if row["state"] == "active"]

    def _gateways_know(self) -> bool:
        return all(
            len(_bundle(self.town.home(node))["grants"]) >= count
            and self._sequence(node) >= _bundle(self.town.home(node))["sequence"]
            for node, count in ((NATION, 1), (PROVINCE, 1), (CITY, len(NEEDS)))
        )

    def _sequence(self, node: str) -> int:
        ready: dict[str, int] = Visitor(self.town.url(node, "gateway")).get("/ready").json()
        return ready.get("bundle", 0)

    def _case_count(self) -> int:
        return len(self._as("clerk").get("/serve/cases/?format=json").json()["rows"])

    def _node_key(self, node: str) -> VerifyKey:
        return SigningKey.from_text((self.town.home(node) / "keys" / "node.key").read_text().strip()).public

    def _as(self, username: str) -> Visitor:
        if username not in self._visitors:
            self._visitors[username] = self.town.visitor(username)
        return self._visitors[username]

    @contextmanager
    def _step(self, name: str, node: str) -> Iterator[Step]:
        step = Step(name, 0, node)
        started = time.monotonic()
        try:
            yield step
        finally:
            step.ms = int((time.monotonic() - started) * 1000)
            self.steps.append(step)
        self.say(f"  ✔ {step.name}（{step.node}，{step.ms} ms）")

    def _until(self, look: Callable[[], T | None], what: str, *, within_s: float = 20) -> T:
        ends = time.monotonic() + within_s
        while not (found := look()):
            if time.monotonic() > ends:
                raise StoryBroken(f"waited {within_s} s in vain for {what}")
            time.sleep(0.1)
        return found

    def _demand(self, is_so: object, seen: object) -> None:
        if not is_so:
            words = f"{seen.status} {seen.url}\n{seen.text[:3000]}" if isinstance(seen, Page) else str(seen)
            raise StoryBroken(words)


def _form(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "guardian_phone": "13800000000"}


def _bundle(home: Path) -> dict[str, Any]:
    sealed = canonical.loads((home / "bundle" / "current.bundle").read_bytes())
    body: dict[str, Any] = sealed["body"]
    return body


def _digest(receipt: dict[str, Any]) -> str:
    return envelope.digest(canonical.dumps(receipt))
