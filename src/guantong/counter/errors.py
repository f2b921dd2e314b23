"""What can be refused at the counter."""

from guantong.kit.errors import GuantongError


class FormRefused(GuantongError):
    """A form with faults; ``faults`` maps a field to the refusal that says what is wrong with it."""

    code = "form_refused"
    status = 422
    zh = "表单有 {count} 处需要更正：{faults_zh}"
    en = "The form needs {count} corrections: {faults_en}"

    def __init__(self, faults: dict[str, GuantongError]) -> None:
        self.faults = faults
        super().__init__(
            count=len(faults),
            fields=list(faults),
            faults_zh=" ".join(fault.sentence("zh") for fault in faults.values()),
            faults_en=" ".join(fault.sentence("en") for fault in faults.values()),
            faults={name: fault.as_json() for name, fault in faults.items()},
        )

    def fault(self, field: str) -> GuantongError | None:
        """What is wrong with one field."""
        return self.faults.get(field)


class FieldFault(GuantongError):
    """What is wrong with one field of the form."""

    status = 422


class FieldMissing(FieldFault):
    """A required field is empty."""

    code = "field_missing"
    zh = "请填写“{label}”。"
    en = "Please fill in “{label_en}”."


class FieldMalformed(FieldFault):
    """A field is not of its type."""

    code = "field_malformed"
    zh = "“{label}”填写有误：{why_zh}。"
    en = "“{label_en}” is not right: {why_en}."


class ResidentIdWrong(FieldFault):
    """A resident ID that cannot be right: names the field and says what is wrong with the number."""

    code = "resident_id_wrong"
    zh = "“{label}”有误：{why_zh}"
    en = "“{label_en}” is wrong: {why_en}"


class SamePersonTwice(FieldFault):
    """Two different people were given the same resident ID."""

    code = "same_person_twice"
    zh = "“{label}”与“{other}”相同，请核对。"
    en = "“{label_en}” is the same number as “{other_en}”; please check."


class ItemUnknown(GuantongError):
    """No such service item."""

    code = "item_unknown"
    status = 404
    zh = "没有编码为 {item} 的事项。"
    en = "There is no service item {item}."


class ItemNotOpen(GuantongError):
    """The item has no flow at this counter."""

    code = "item_not_open"
    status = 409
    zh = "事项“{item}”尚未在一窗开通办理。"
    en = "The service item “{item}” is not yet handled at this counter."


class CaseUnknown(GuantongError):
    """No such case, or none that this person may see."""

    code = "case_unknown"
    status = 404
    zh = "没有找到该办件。"
    en = "There is no such case."


class CaseClosed(GuantongError):
    """The case has come to its end."""

    code = "case_closed"
    status = 409
    zh = "办件 {number} 已办结，不能再{act_zh}。"
    en = "Case {number} is closed and cannot be {act_en}."


class IssuerCodeMissing(GuantongError):
    """The department has no credit code, so that no certificate can name it."""

    code = "issuer_code_missing"
    status = 409
    zh = "部门“{department}”没有有效的统一社会信用代码，不能签发证照。"
    en = "The department “{department}” has no valid unified social credit code and cannot issue."


class CertificateUnknown(GuantongError):
    """No certificate has this identifier here."""

    code = "certificate_unknown"
    status = 404
    zh = "本节点没有签发过标识为 {identifier} 的证照。"
    en = "This node has issued no certificate {identifier}."


class ReceiptUnknown(GuantongError):
    """The case has no receipt of this digest."""

    code = "receipt_unknown"
    status = 404
    zh = "该办件没有摘要为 {digest} 的凭证。"
    en = "The case has no receipt {digest}."


class ProofPending(GuantongError):
    """The receipt is not yet under a checkpoint that the witnesses have signed, or its log is out of reach."""

    code = "proof_pending"
    status = 503
    zh = "凭证的存证证明尚未就绪，请稍后再试：{why_zh}"
    en = "The proof is not ready yet, please try again shortly: {why_en}"


class GatewayAnswerNotTrusted(GuantongError):
    """The gateway's answer is not what a gateway answers, or its signature does not hold."""

    code = "gateway_answer_not_trusted"
    status = 502
    zh = "网关的答复不可信：{why}。"
    en = "The gateway's answer cannot be trusted: {why}."


class GatewayRefused(GuantongError):
    """A call that was refused or failed; the gateway's own words."""

    code = "gateway_refused"
    zh = "{said_zh}"
    en = "{said_en}"


class CodeMissing(GuantongError):
    """An imported row without the code that everything hangs on."""

    code = "item_code_missing"
    status = 422
    zh = "缺少事项编码。"
    en = "The item code is missing."


class CodeRepeated(GuantongError):
    """Two rows of one file with the same code."""

    code = "item_code_repeated"
    status = 422
    zh = "事项编码与第 {line} 行重复。"
    en = "The item code repeats that of line {line}."


class ValueNotAllowed(GuantongError):
    """A cell whose value is not in its list, or is empty or too long."""

    code = "value_not_allowed"
    status = 422
    zh = "“{value}”不是有效的{column_zh}。"
    en = "“{value}” is not a valid {column_en}."


class DepartmentUnknown(GuantongError):
    """A department that was not imported before its items."""

    code = "department_unknown"
    status = 422
    zh = "没有名为“{department}”的部门。"
    en = "There is no department named “{department}”."


class NotYourItem(GuantongError):
    """Another department's service item."""

    code = "not_your_item"
    status = 403
    zh = "该事项由{department}实施，只能由该部门申报所需数据。"
    en = "The item is {department}'s: only they say what it needs."


class ProofMissing(GuantongError):
    """No correction with a registered proof runs for what the case has looked up."""

    code = "proof_missing"
    status = 409
    zh = "办件 {number} 没有正在进行且已登记证明的校核，不能凭证明受理。"
    en = "No correction with a registered proof runs for case {number}; it cannot be admitted on proof."


class OverrideReasonMissing(GuantongError):
    """Nobody is admitted against the data without a reason."""

    code = "override_reason_missing"
    status = 422
    zh = "请写明凭证明受理的理由。"
    en = "Say why the case is admitted on its proof."
