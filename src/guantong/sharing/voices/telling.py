"""A correction or a dispute as one node tells another of it. Nothing here changes anything."""

import msgspec

from guantong.kit import clock
from guantong.sharing.errors import CorrectionIncomplete, LimitsWrong
from guantong.sharing.models import Correction, Dispute, Statement
from guantong.sharing.voices.types import CorrectionFiling, DisputeTerms, StatementTerms


def filing_of(found: Correction) -> CorrectionFiling:
    """The correction as the provider's node hears of it. CorrectionIncomplete for what does not fit its bounds."""
    values = {name: getattr(found, name) for name in CorrectionFiling.__struct_fields__}
    told = {**values, "uuid": str(found.uuid), "filed_at": clock.rfc3339(found.filed_at)}
    try:
        return msgspec.convert(told, CorrectionFiling)
    except msgspec.ValidationError as error:
        raise CorrectionIncomplete(missing_zh=str(error), missing_en=str(error)) from error


def terms_of(dispute: Dispute) -> DisputeTerms:
    """The dispute with all that was said. LimitsWrong."""
    values = {name: getattr(dispute, name) for name in DisputeTerms.__struct_fields__ if name != "statements"}
    told = {
        **values,
        "uuid": str(dispute.uuid),
        "about_uuid": str(dispute.about_uuid),
        "raised_at": clock.rfc3339(dispute.raised_at),
        "statements": [msgspec.to_builtins(statement_terms(each)) for each in dispute.statements.all()],
    }
    try:
        return msgspec.convert(told, DisputeTerms)
    except msgspec.ValidationError as error:
        raise LimitsWrong(why=str(error)) from error


def statement_terms(statement: Statement) -> StatementTerms:
    """One statement as the other nodes hear of it."""
    values = {name: getattr(statement, name) for name in StatementTerms.__struct_fields__}
    told = {**values, "uuid": str(statement.uuid), "at": clock.rfc3339(statement.at)}
    return msgspec.convert(told, StatementTerms)
