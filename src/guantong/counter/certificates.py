"""Making a certificate: its identifier (GB/T 36904), its content, the node's signature."""

import re
from datetime import datetime
from typing import Any, Final

from guantong.counter.errors import IssuerCodeMissing
from guantong.counter.models import Case, ServiceItem
from guantong.kit import clock, codes, envelope
from guantong.kit.errors import GuantongError
from guantong.kit.keyrings import NodeKeys
from guantong.kit.suites import SigningKey

KIND: Final = "guantong/certificate@v1"


def issuer_code(item: ServiceItem) -> str:
    """The credit code of the department that issues: its own, or the one inside the item's code."""
    candidates = [item.department.uscc, item.department.code, *item.code.split("-")]
    for text in candidates:
        try:
            return codes.check_uscc(text)
        except codes.CodeError:
            continue
    raise IssuerCodeMissing(department=item.department.name)


def identifier(case: Case) -> str:
    """The certificate's identifier: the bureau defines the type and issues; the case number is the serial."""
    issuer = issuer_code(case.item)
    serial = re.sub(r"[^0-9A-Z]", "", case.number.upper())
    return str(codes.CertificateIdentifier(f"{issuer}001", issuer, serial))


def content(case: Case, *, at: datetime) -> dict[str, Any]:
    """What the certificate says. The holder's number stands in it with its middle left out."""
    number = next((value for name, value in case.form.items() if name == "child_id_number"), "")
    return {
        "identifier": identifier(case),
        "name": case.item.certificate_name or case.item.name,
        "holder": {"name": case.holder_name, "id_number": masked_number(number)},
        "applicant": case.applicant_name,
        "issuer": {"code": issuer_code(case.item), "name": case.item.department.name},
        "item": {"code": case.item.code, "name": case.item.name},
        "case": case.number,
        "division": case.item.division,
        "issued_at": clock.rfc3339(at),
    }


def sealed(body: dict[str, Any], key: SigningKey) -> bytes:
    """The certificate as bytes that anybody with the node's public key can check."""
    return envelope.seal(KIND, body, key)


def holds(raw: bytes, keys: NodeKeys) -> bool:
    """Whether the bytes are a certificate that one of this node's ``keys`` signed while it was in use."""
    try:
        sealed_certificate = envelope.read(raw)
        sealed_certificate.check(keys.at(clock.parse(sealed_certificate.body["issued_at"])))
    except (GuantongError, LookupError, TypeError, ValueError):
        return False
    return sealed_certificate.kind == KIND


def masked_number(number: str) -> str:
    """``511602********1234``."""
    return f"{number[:6]}********{number[-4:]}" if len(number) == 18 else ""


def masked_name(name: str) -> str:
    """The family name, and 某 for each further character."""
    return name[:1] + "某" * (len(name) - 1)
