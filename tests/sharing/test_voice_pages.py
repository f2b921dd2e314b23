"""Corrections and disputes by their forms: who is shown what, and what the platform then does."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.cast import NOON, PERMITS
from tests.sharing.test_voices import KEY, answered, furnished, refused, reported

from guantong.catalog.models import Resource, ResourceVersion
from guantong.federation.keys import make_keys
from guantong.gateway.receipts import subject_digest
from guantong.identity.actions import register_person
from guantong.identity.models import Person
from guantong.journal.models import Receipt
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.sharing.models import Correction, Dispute, Request
from guantong.site.node import node_settings

pytestmark = pytest.mark.django_db
FORM = f"/share/corrections/file?resource={PERMITS}"


def client(person: Person) -> Client:
    found = Client()
    found.force_login(person)
    return found


def scan() -> dict[str, Any]:
    file = SimpleUploadedFile("证明.pdf", b"%PDF-1.7\n", content_type="application/pdf")
    return {"paper": file, "paper_number": "证2026-1", "signed_by": "社区", "signed_on": "2026-01-05"}


def test_from_the_form_to_the_judgement() -> None:
    cast = furnished()
    xu, luo = client(cast.xu), client(cast.luo)
    with clock.frozen(NOON):
        wrong = xu.post(FORM, {"kind": "content", "words": "有效期不对"})
        assert (wrong.status_code, "证明材料" in wrong.content.decode()) == (422, True)
        filled = {"kind": "content", "item": "valid_to", "key": KEY, "words": "有效期不对", **scan()}
        assert xu.post(FORM, filled).status_code == 302
        found = Correction.objects.get()
        address = f"/share/corrections/{found.uuid}/"
        assert KEY not in xu.get(address).content.decode()
        assert "是：所指正是这一条" in luo.post(address, {"key": KEY}).content.decode()
        assert "不是：指的是另一条" in luo.post(address, {"key": "511602199003078812"}).content.decode()
        assert found.paper is not None
        assert luo.get(f"/share/papers/{found.paper.uuid}").status_code == 200
        luo.post(f"{address}answer", {"decision": "corrected", "words": "已更正"})
        assert xu.get("/todo/?format=json&kind=corrections_own").json()["total"] == 1
        xu.post(f"{address}judge", {"judgement": "satisfied", "words": ""})
    found.refresh_from_db()
    assert (found.state, found.is_satisfied) == ("closed", True)
    assert client(cast.counter.organisation.person_set.get()).get(address).status_code == 200


@pytest.mark.parametrize("keys", [{"id_number": KEY}, {"id_number": KEY, "name": "百姓"}])
def test_a_citizen_reports_what_was_looked_up_of_them(keys: dict[str, str]) -> None:
    cast = furnished()
    make_keys(node_settings())
    bai = register_person("bai", "百姓", password="x" * 12, roles=["citizen"], by=SYSTEM, at=NOON)
    Person.objects.filter(pk=bai.pk).update(resident_id=KEY)
    bai.refresh_from_db()
    filled = {"kind": "content", "item": "valid_to", "words": "有效期不对"}
    with clock.frozen(NOON):
        assert client(bai).post(FORM, {**filled, **scan()}).status_code == 403
        secret = (Path(node_settings().key_folder) / "subject.key").read_text().strip().encode()
        names = (
            "consumer_organisation",
            "consumer_application",
            "consumer_node",
            "provider_organisation",
            "provider_node",
        )
        Receipt.objects.create(
            digest="sha-256:1", at=NOON, call="c", role="consumer", mode="query", purpose="p", decision="allow",
            resource=PERMITS, raw=b"", subject=subject_digest(secret, keys), **dict.fromkeys(names, "511600"),
        )  # fmt: skip
        assert client(bai).post(FORM, {**filled, **scan()}).status_code == 302
    found = Correction.objects.get()
    assert (found.asker, found.asker_name, found.key_tail) == ("", "本人", "8811")
    assert client(bai).get(f"/share/corrections/{found.uuid}/").status_code == 200
    stranger = register_person("xin", "新人", password="x" * 12, roles=["citizen"], by=SYSTEM, at=NOON)
    assert client(stranger).get(f"/share/corrections/{found.uuid}/").status_code == 404
    assert cast


def test_a_dispute_by_its_forms() -> None:
    cast = furnished()
    asked = refused(cast)
    xu, jiang, tian = client(cast.xu), client(cast.jiang), client(cast.tian)
    assert "对答复提出争议" in xu.get(f"/share/requests/{asked.uuid}/").content.decode()
    assert (
        xu.post(f"/share/requests/{asked.uuid}/dispute", {"words": "法定职责", **scan()}).status_code == 302
    )
    found = Dispute.objects.get()
    address = f"/share/disputes/{found.uuid}/"
    assert "裁定</h2>" not in tian.get(address).content.decode()
    jiang.post(f"{address}speak", {"act": "said", "words": "数据不相关"})
    xu.post(f"{address}speak", {"act": "taken_up", "words": "协商不成"})
    assert tian.get("/todo/?format=json&kind=disputes").json()["total"] == 1
    assert jiang.post(f"{address}speak", {"act": "for_provider", "words": "x"}).status_code == 403
    assert tian.post(f"{address}speak", {"act": "for_asker", "words": ""}).status_code == 422
    assert tian.post(f"{address}speak", {"act": "for_asker", "words": "应当共享"}).status_code == 302
    assert Request.objects.get(pk=asked.pk).state == "waiting"
    page = jiang.get(address).content.decode()
    assert all(word in page for word in ("法定职责", "数据不相关", "应当共享", "证2026-1"))


def test_the_platform_edits_no_entry_by_a_correction() -> None:
    cast = furnished()
    before = list(Resource.objects.values()), list(ResourceVersion.objects.values())
    found = reported(cast)
    answered(found, cast, "corrected")
    assert (list(Resource.objects.values()), list(ResourceVersion.objects.values())) == before
