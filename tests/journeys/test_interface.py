"""A department publishes its HTTP interface; another asks for it, is granted with limits, and its programmer calls."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from guantong.catalog import actions as catalog
from guantong.federation.actions.publishing import publish_bundle
from guantong.federation.keys import node_key
from guantong.identity.actions import issue_secret
from guantong.journal.actions import take_in_records
from guantong.journal.models import Receipt
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.kit.settings import Settings
from guantong.sharing import actions
from guantong.sharing.models import Grant
from guantong.sharing.samples import national_samples, samples, service_sample
from guantong.sharing.types import Narrowing
from guantong.site.node import node_settings
from tests.cast import NODE, assemble, need, publish_permits
from tests.catalog.interface_server import PERMITS as ROWS
from tests.catalog.interface_server import serving
from tests.catalog.test_interfaces import BY_ID
from tests.gateway import processes
from tests.gateway.town import Station, listening

pytestmark = [pytest.mark.town, pytest.mark.django_db(transaction=True)]
PERSON = next(iter(ROWS))
OPERATION = {**BY_ID, "items": {**BY_ID["items"], "id_number": "/data/*/id"}, "cache_s": 0}


def station() -> Station:
    """This test's node, with a free port for its gateway."""
    home = node_settings().home
    with listening() as place:
        port = place.getsockname()[1]
    settings = Settings(node=NODE, home=home, development=True, gateway_port=port, log_port=1).completed()
    return Station(NODE, home, node_key(settings), settings, None)  # type: ignore[arg-type]


def ran(command: list[str], text: str, folder: Path, secret: str) -> Any:
    folder.mkdir()
    (folder / command[-1]).write_text(text, encoding="utf-8")
    (folder / "application.secret").write_text(secret)
    return json.loads(subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout)


def test_from_the_departments_interface_to_a_programmers_call(tmp_path: Path) -> None:
    cast, at = assemble(), clock.now()
    here, sources = station(), node_settings().home / "sources.json"
    entry = publish_permits(cast, operations={"by_id": OPERATION})
    asked = actions.file_request(
        need(fields=["id_number", "valid_to"], modes=["query", "verify"]),
        consumer=cast.education, by=cast.as_actor(cast.xu), at=at,
    )  # fmt: skip
    limits = Narrowing(per_key_per_day=3, concurrent=2)
    actions.decide(asked, "approved", narrowing=limits, by=cast.as_actor(cast.jiang), at=at)
    actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=at)
    grant = Grant.objects.get()
    secret = issue_secret(cast.counter, by=cast.as_actor(cast.xu), at=at)
    with serving() as address:
        sources.touch(mode=0o600)
        sources.write_text(json.dumps({"police-api": address, "police-api.headers": "X-Token: inside"}))
        catalog.link(
            entry, source="police-api", dialect="http", table="/health", columns={},
            by=cast.as_actor(cast.luo), at=at,
        )  # fmt: skip
        publish_bundle(node_settings(), because="test", by=SYSTEM, at=clock.now())
        try:
            with processes.gateway(here):
                url = here.url
                told = service_sample(grant.terms, gateway_url=url).replace("…", PERSON)
                by_token = ran(["sh", "interface.sh"], told, tmp_path / "token", secret)
                programs = national_samples(
                    grant.terms, gateway_url=url, rid=cast.counter.rid, sid=grant.sids[0]
                )
                java = programs["Java"].replace("\\u2026", PERSON)
                by_convention = ran(["java", "NationalCall.java"], java, tmp_path / "java", secret)
                query = samples(grant.terms, gateway_url=url, mode="query")["curl · OAuth 2.0"].replace(
                    "…", PERSON
                )
                rows = ran(["sh", "token.sh"], query, tmp_path / "query", secret)
                refused = ran(["sh", "token.sh"], query, tmp_path / "again", secret)
        finally:
            sources.unlink()
    # Granted items, masked, and what goes through to everybody; neither where they live nor the telephone.
    shown = {"code": 0, "data": [{"id": "**************0018", "until": "2030-01-01"}]}
    assert by_token == shown
    assert by_convention == shown
    assert "answer" in rows, rows
    assert rows["answer"]["rows"][0]["valid_to"] == "2030-01-01", rows
    assert rows["receipt"]["body"]["grant"] == grant.code
    assert refused["error"]["code"] == "key_limit_exceeded", refused
    take_in_records(node_settings().spool_folder, by=SYSTEM, at=clock.now())
    officer = Client()
    officer.force_login(cast.xu)
    page = officer.get(f"/share/grants/{grant.code}/").content.decode()
    assert "/prove/receipts/" in page
    assert Receipt.objects.filter(grant=grant.code, decision="allow").count() >= 3
    assert Receipt.objects.filter(grant=grant.code, reason="key_limit_exceeded").exists()
