"""Finding items, cases and certificates; what a person may see of them."""

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.crypto import salted_hmac

from guantong.counter.errors import CaseUnknown, CertificateUnknown, ItemUnknown
from guantong.counter.models import Case, Certificate, Party, ServiceItem
from guantong.identity.models import Division, Person
from guantong.identity.queries import division_name, may
from guantong.kit import codes
from guantong.sharing import queries as sharing
from guantong.sharing.models import Correction
from guantong.workflow.engine import Run
from guantong.workflow.queries import specification


def party_digest(resident_id: str) -> str:
    """The keyed digest by which a person's cases are found without keeping the number in an index."""
    return salted_hmac("guantong.counter.party", resident_id.upper(), algorithm="sha256").hexdigest()


def items(*, words: str = "", department: str = "", is_open: bool = False) -> QuerySet[ServiceItem]:
    """Service items by words in their name or code, by the department's name, and whether handled here."""
    found = ServiceItem.objects.select_related("department")
    for word in words.split()[:8]:
        found = found.filter(Q(name__icontains=word) | Q(code__icontains=word) | Q(main_item__icontains=word))
    if department:
        found = found.filter(department__name=department)
    return found.exclude(flow="") if is_open else found


def item(code: str) -> ServiceItem:
    """One item; raises ItemUnknown."""
    found = ServiceItem.objects.select_related("department").filter(code=code).first()
    if found is None:
        raise ItemUnknown(item=code)
    return found


def departments() -> list[str]:
    """The names of departments that have items."""
    return list(
        ServiceItem.objects.values_list("department__name", flat=True).distinct().order_by("department__name")
    )


def cases_for(person: Person) -> QuerySet[Case]:
    """The cases that a person may see: all for the counter and the auditor, else those that they are party to."""
    found = Case.objects.select_related("item", "item__department", "flow")
    if may(person, "case:read") or may(person, "case:audit"):
        return found
    if not person.resident_id:
        return found.none()
    return found.filter(Exists(_parties(person.resident_id)))


def search(cases: QuerySet[Case], *, words: str = "", state: str = "") -> QuerySet[Case]:
    """Cases by number, by name, by a whole resident ID, by state."""
    words = words.strip()
    if state:
        cases = cases.filter(state=state)
    if not words:
        return cases
    try:
        number = codes.check_resident_id(words).number
    except codes.CodeError:
        return cases.filter(
            Q(number__icontains=words) | Q(applicant_name__icontains=words) | Q(holder_name__icontains=words)
        )
    return cases.filter(Exists(_parties(number)))


def _parties(resident_id: str) -> QuerySet[Party]:
    return Party.objects.filter(case=OuterRef("pk"), digest=party_digest(resident_id))


def case(uuid: str, person: Person) -> Case:
    """One case that the person may see; raises CaseUnknown, which does not tell whether there is one."""
    found = cases_for(person).filter(uuid=uuid).first()
    if found is None:
        raise CaseUnknown(case=uuid)
    return found


def run_of(found: Case) -> Run:
    """The case's flow as it stands."""
    return Run.resume(specification(found.flow), found.flow_state)


def certificate(identifier: str) -> Certificate:
    """One certificate; raises CertificateUnknown."""
    found = Certificate.objects.select_related("case", "case__item").filter(identifier=identifier).first()
    if found is None:
        raise CertificateUnknown(identifier=identifier)
    return found


def certificates_of(person: Person) -> QuerySet[Certificate]:
    """The certificates whose whole content a person may see."""
    return Certificate.objects.filter(case__in=cases_for(person).values("pk"))


def division_code(text: str) -> str:
    """The six-digit code of a county that is named in full (四川省广安市广安区) or by a name that only it has.

    Anything else comes back as it was, for the form to judge.
    """
    text = text.strip()
    if not text or text.isdigit():
        return text
    counties = Division.objects.filter(level=4)
    named = [each.code for each in counties.filter(name=text)[:2]]
    if not named:
        # the county's own name ends the full name
        names = [text[n:] for n in range(1, len(text) - 1)]
        named = [each.code for each in counties.filter(name__in=names) if division_name(each.code) == text]
    return named[0][:6] if len(named) == 1 else text


def corrections_of(found: Case) -> QuerySet[Correction]:
    """The corrections, with a proof registered, that run for data which the case has looked up."""
    asked = found.lookups.values_list("resource", flat=True)
    return sharing.running_for_case(found.number).filter(resource__in=list(asked))
