"""The pages of applications: who sees which, a secret shown once, what is refused."""

import re

import pytest
from django.test import Client
from tests.cast import assemble
from tests.sharing.test_grant_pages import as_, granted

from guantong.identity.actions import register_person
from guantong.identity.models import Person
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.kit.shared_secrets import digest_of
from guantong.kit.suites import INTERNATIONAL

pytestmark = pytest.mark.django_db
PAGE = "/share/applications/one-window/"


def operator() -> Client:
    made: Person = register_person(
        "guan", "管节", password="guan-password-1", roles=["operator"], by=SYSTEM, at=clock.now()
    )
    return as_(made)


def test_a_secret_is_shown_once_and_with_its_grants() -> None:
    cast = assemble()
    grant = granted(cast)
    own = as_(cast.xu)
    shown = own.post(f"{PAGE}secret")
    secret = re.search(r'id="secret">([^<]+)<', shown.content.decode())
    assert secret is not None
    assert "no-store" in shown["Cache-Control"]
    cast.counter.refresh_from_db()
    assert cast.counter.secret == digest_of(secret[1])
    page = own.get(PAGE).content.decode()
    assert secret[1] not in page
    assert grant.code in page
    assert "许数" in page
    own.post(f"{PAGE}revoke-secret")
    cast.counter.refresh_from_db()
    assert cast.counter.secret == ""


def test_each_sees_what_concerns_them() -> None:
    cast = assemble()
    assert "one-window" in as_(cast.xu).get("/share/applications/").content.decode()
    police = as_(cast.luo)
    assert "one-window" not in police.get("/share/applications/").content.decode()
    assert police.get(PAGE).status_code == 404
    assert police.post(f"{PAGE}secret").status_code == 404
    auditor = as_(cast.gao)
    assert auditor.get(PAGE).status_code == 200
    assert f"{PAGE}secret" not in auditor.get(PAGE).content.decode()
    auditor.post(f"{PAGE}secret")
    auditor.post(f"{PAGE}rid", {"rid": "mine-now"})
    before = cast.counter.rid
    cast.counter.refresh_from_db()
    assert (cast.counter.secret, cast.counter.rid) == ("", before)
    assert auditor.get("/share/applications/?format=json").json()["total"] == 1


def test_the_operator_registers_and_names() -> None:
    cast = assemble()
    client = operator()
    form = {
        "code": "police-desk", "name": "户政系统", "organisation": cast.police.code, "clearance": "2",
        "public_key": INTERNATIONAL.generate("police-desk").public.to_text(),
    }  # fmt: skip
    assert client.post("/share/applications/register", form).status_code == 302
    assert "户政系统" in client.get("/share/applications/police-desk/").content.decode()
    client.post("/share/applications/police-desk/rid", {"rid": "rid-of-police"})
    assert "rid-of-police" in client.get("/share/applications/police-desk/").content.decode()
    wrong = client.post("/share/applications/register", {**form, "code": "b", "public_key": "x"}, follow=True)
    assert "公钥" in wrong.content.decode() or "key" in wrong.content.decode()
    assert as_(cast.xu).post("/share/applications/register", form).status_code == 403
