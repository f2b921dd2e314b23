"""What both sides sign: the pledge, the agreement, its document; here, at the other node, and offline."""

import json
import stat
from base64 import b64encode
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.cast import NOON, Cast, assemble, need, publish_permits

from guantong.bundle.types import Condition
from guantong.catalog.models import Resource
from guantong.evidence import verifying
from guantong.evidence.agreements import (
    AGREEMENT_KIND,
    AgreementWrong,
    check_agreement,
    check_pledge,
    digest_of,
)
from guantong.federation import keyset
from guantong.kit import canonical, envelope
from guantong.kit.errors import GuantongError
from guantong.kit.suites import INTERNATIONAL, VerifyKey
from guantong.sharing import actions, papers
from guantong.sharing.agreements.checking import demand_pledged
from guantong.sharing.agreements.keys import node_key, organisation_key
from guantong.sharing.errors import NotYourGrant
from guantong.sharing.models import Agreement, Grant, Request
from guantong.sharing.telling import filing_of
from guantong.sharing.types import Narrowing, SignedAgreement
from guantong.site.node import node_settings

pytestmark = pytest.mark.django_db


def agreed(cast: Cast, **changes: Any) -> tuple[Grant, Agreement]:
    publish_permits(cast)
    wanted = need(**{"fields": ["id_number", "residence_division", "valid_to"], **changes})
    asked = actions.file_request(wanted, consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    less = Narrowing(condition=[Condition(item="residence_division", op="in", value=["511602", "511603"])])
    actions.decide(asked, "approved", narrowing=less, by=cast.as_actor(cast.jiang), at=NOON)
    actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=NOON)
    return Grant.objects.get(), Agreement.objects.get()


def keys() -> dict[str, VerifyKey]:
    return {node_key().public.ref: node_key().public}


def test_both_sides_sign_and_the_grant_holds_the_digest() -> None:
    cast = assemble()
    grant, agreement = agreed(cast)
    raw, document = bytes(agreement.statement), bytes(agreement.document)
    body = check_agreement(raw, keys(), document)
    assert grant.terms["agreement"] == agreement.digest == digest_of(raw)
    assert body["terms"]["fields"] == grant.terms["fields"]
    assert [each["decided_by"] for each in body["approvals"]] == ["蒋批", "田批"]
    request = Request.objects.get()
    pledge = check_pledge(request.pledge_statement.encode(), keys())
    assert (pledge["pledged_by"], pledge["asked"]["fields"]) == ("许数", request.fields)
    assert canonical.dumps(body["pledge"]) == request.pledge_statement.encode()
    assert body["key"] == organisation_key(cast.police.code).public.to_text()
    assert pledge["key"] == organisation_key(cast.education.code).public.to_text()


def test_an_organisations_key_is_the_nodes_alone_to_read() -> None:
    cast = assemble()
    agreed(cast)
    folder = node_settings().key_folder / "organisations"
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_document_is_a_pdf_and_the_same_terms_give_the_same_one() -> None:
    cast = assemble()
    _, agreement = agreed(cast)
    document = bytes(agreement.document)
    assert document.startswith(b"%PDF-")
    assert len(document) < 60_000


def test_markup_in_what_people_write_is_text_in_the_document() -> None:
    cast = assemble()
    _, agreement = agreed(
        cast, purpose_text="<b>核验</b> & <img src='file:///etc/passwd'/>", legal_basis="<para>"
    )
    assert bytes(agreement.document).startswith(b"%PDF-")


@pytest.mark.parametrize("what", ["document", "terms", "wider", "pledge", "provider", "node", "stranger"])
def test_nothing_in_an_agreement_can_be_changed(what: str) -> None:
    cast = assemble()
    _, agreement = agreed(cast)
    raw, document = bytes(agreement.statement), bytes(agreement.document)
    said = json.loads(raw)
    own, node = organisation_key(cast.police.code), node_key()
    signers = [own, node]
    if what == "document":
        document += b"%"
    elif what == "terms":
        said["body"]["terms"]["per_day"] = 1
        raw = canonical.dumps(said)
    elif what == "wider":
        said["body"]["terms"]["per_day"] = 10**7
    elif what == "pledge":
        said["body"]["pledge"]["body"]["asked"]["per_day"] = 10**7
    elif what == "provider":
        signers = [node]
    elif what == "node":
        signers = [own]
    else:
        signers = [INTERNATIONAL.generate("stranger"), node]
    if what not in {"document", "terms"}:
        raw = envelope.seal(AGREEMENT_KIND, said["body"], *signers)
    with pytest.raises(GuantongError):
        check_agreement(raw, keys(), document)


def test_verified_offline_with_its_document_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cast = assemble()
    _, agreement = agreed(cast)
    keyset.write_keyset(tmp_path / "keys")
    file, pdf = tmp_path / "agreement.json", tmp_path / "agreement.pdf"
    file.write_bytes(bytes(agreement.statement))
    pdf.write_bytes(bytes(agreement.document))
    pledge = tmp_path / "pledge.json"
    pledge.write_text(Request.objects.get().pledge_statement)
    argv = [str(file), str(pledge), "--keys", str(tmp_path / "keys")]
    for language, said in (
        ("zh", "同名文书与签署的一致"),
        ("en", "the document beside it is the signed one"),
    ):
        assert verifying.main([*argv, "--lang", language]) == 0
        assert said in capsys.readouterr().out
    pdf.write_bytes(b"%PDF-another")
    assert verifying.main(argv) == 1
    assert "agreement_wrong" in capsys.readouterr().out


def test_a_pledge_to_something_else_is_refused() -> None:
    cast = assemble()
    publish_permits(cast)
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    filing, key = filing_of(asked), node_key().public
    demand_pledged(filing, {key.ref: key})
    for changes in (
        {"number": "SQ511600202611200009"},
        {"fields": ["id_number"]},
        {"pledged_by": "别人"},
        {"pledge": "sha-256:0"},
        {"pledge_statement": ""},
        {"purpose": "另一事项"},
    ):
        with pytest.raises(GuantongError):
            demand_pledged(msgspec.structs.replace(filing, **changes), {key.ref: key})
    with pytest.raises(GuantongError):
        demand_pledged(filing, {key.ref: INTERNATIONAL.generate("511600.guantong.example/node").public})


def test_the_agreement_arrives_at_the_consumers_node_and_is_kept_once() -> None:
    cast = assemble()
    _, agreement = agreed(cast)
    signed = SignedAgreement(
        agreement.grant, bytes(agreement.statement).decode(), b64encode(bytes(agreement.document)).decode()
    )
    by = cast.as_actor(cast.jiang)
    Agreement.objects.all().delete()
    for _ in range(2):
        actions.receive_agreement(signed, sender="511600", keys=keys(), by=by, at=NOON)
    assert Agreement.objects.get().digest == agreement.digest
    for wrong, sender in (
        (msgspec.structs.replace(signed, document="!"), "511600"),
        (msgspec.structs.replace(signed, document=b64encode(b"%PDF-other").decode()), "511600"),
        (msgspec.structs.replace(signed, grant="GX511600ANOTHER"), "511600"),
        (signed, "510000"),
    ):
        with pytest.raises(AgreementWrong):
            actions.receive_agreement(wrong, sender=sender, keys=keys(), by=by, at=NOON)


def test_a_paper_copy_is_kept_beside_it_by_either_party() -> None:
    cast = assemble()
    grant, agreement = agreed(cast)
    scan = papers.register(
        b"%PDF-1.7\n",
        file_name="协议.pdf",
        number="广公数2026-12号",
        signed_by="王局长",
        signed_on=date(2026, 11, 2),
        by=cast.as_actor(cast.jiang),
        at=NOON,
    )
    with pytest.raises(NotYourGrant):
        actions.attach_paper(grant, scan, by=cast.as_actor(cast.gao), at=NOON)
    actions.attach_paper(grant, scan, by=cast.as_actor(cast.jiang), at=NOON)
    assert list(agreement.papers.all()) == [scan]


def test_what_goes_out_to_another_node_bears_the_pledge() -> None:
    cast = assemble()
    resource = publish_permits(cast)
    Resource.objects.filter(pk=resource.pk).update(node="000000")
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    assert filing_of(asked).pledge_statement == asked.pledge_statement != ""
