"""The pages of applications: who sees which, a secret shown once, what is refused."""

import re
import uuid

import pytest
from django.test import Client
from django.utils import timezone
from tests.cast import assemble
from tests.sharing.test_grant_pages import as_, granted

from guantong.identity.actions import register_person
from guantong.identity.models import FormerSecret, Person
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.kit.shared_secrets import digest_of
from guantong.kit.suites import INTERNATIONAL, NATIONAL, VerifyKey

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


def test_a_secret_overlaps_with_the_next_and_is_ended_on_the_page() -> None:
    cast = assemble()
    own = as_(cast.xu)
    assert "overlap_days" not in own.get(PAGE).content.decode(), "there is nothing to overlap with yet"
    own.post(f"{PAGE}secret")
    assert 'name="overlap_days" min="0" max="30" value="7"' in own.get(PAGE).content.decode()
    for wrong in ("31", "-1", "seven", "７"):  # noqa: RUF001 - a digit that is none of ours
        refused = own.post(f"{PAGE}secret", {"overlap_days": wrong}, follow=True).content.decode()
        assert "新旧密钥并用的天数应为 0 至 30" in refused
    assert not FormerSecret.objects.exists()
    shown = own.post(f"{PAGE}secret", {"overlap_days": "7"}).content.decode()
    former = FormerSecret.objects.get()
    assert "立即结束" in shown
    assert f"{timezone.localtime(former.until):%Y-%m-%d %H:%M}" in shown
    auditor = as_(cast.gao)
    assert "立即结束" not in auditor.get(PAGE).content.decode()
    auditor.post(f"{PAGE}end-former", {"former": former.uuid})
    assert FormerSecret.objects.count() == 1, "an auditor ends nothing"
    for wrong in ("", "x", str(uuid.uuid4())):
        assert own.post(f"{PAGE}end-former", {"former": wrong}).status_code == 302
    assert FormerSecret.objects.count() == 1
    assert (
        "旧密钥已失效" in own.post(f"{PAGE}end-former", {"former": former.uuid}, follow=True).content.decode()
    )
    assert not FormerSecret.objects.exists()


def test_two_keys_stand_on_the_page_and_one_is_taken_away() -> None:
    cast = assemble()
    own, coming = as_(cast.xu), NATIONAL.generate("one-window").public
    own.post(f"{PAGE}add-key", {"public_key": coming.to_text()})
    page = own.get(PAGE).content.decode()
    assert coming.key_id in page
    assert "drop-key" in page
    assert "add-key" not in page, "there is room for two"
    assert "drop-key" not in as_(cast.gao).get(PAGE).content.decode()
    first = VerifyKey.from_text(cast.counter.public_key).key_id
    as_(cast.gao).post(f"{PAGE}drop-key", {"key": first})
    own.post(f"{PAGE}drop-key", {"key": first})
    cast.counter.refresh_from_db()
    assert cast.counter.public_keys == [coming.to_text()]
    told = own.post(f"{PAGE}drop-key", {"key": coming.key_id}, follow=True).content.decode()
    assert "只有一个公钥" in told


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
