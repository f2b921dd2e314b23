"""The form of a job, as a person fills it in from a grant."""

import re
from typing import Any, TypeVar, get_args

import msgspec
from django import forms
from django.utils.translation import gettext_lazy as _

from guantong.bundle.jobs import Limits, Reading, TargetDialect, Writing
from guantong.dispatch import queries
from guantong.dispatch.check_lines import read_checks, write_check
from guantong.dispatch.checking import items_of, masks_of
from guantong.dispatch.errors import DeclarationUnreadable, JobIncomplete
from guantong.dispatch.models import Job
from guantong.dispatch.proposing import proposed_checks
from guantong.dispatch.types import Declaration, EdgeDeclaration, TargetDeclaration
from guantong.identity.models import Application, Organisation
from guantong.sharing.models import Grant

Typed = TypeVar("Typed", Declaration, TargetDeclaration, EdgeDeclaration)

SCHEDULES = [
    ("manual", _("only when asked")),
    ("interval", _("every so many minutes")),
    ("daily", _("every day at")),
    ("weekdays", _("Monday to Friday at")),
    ("workdays", _("every working day, by the calendar, at")),
    ("monthly", _("every month at")),
]
DAYS = [(str(n), str(n)) for n in range(1, 32)] + [("0", _("its last day"))]


class JobForm(forms.Form):
    """Which items go where, how, when, and what is checked on the way."""

    name = forms.CharField(label=_("Name of the job"), max_length=120)
    application = forms.ChoiceField(label=_("Receiving application"))
    wanted = forms.MultipleChoiceField(label=_("Items"), widget=forms.CheckboxSelectMultiple)
    key = forms.MultipleChoiceField(label=_("Key"), required=False, widget=forms.CheckboxSelectMultiple)
    target = forms.ChoiceField(label=_("Target"), required=False)
    target_source = forms.CharField(label=_("Data source"), max_length=80, required=False)
    target_dialect = forms.ChoiceField(
        label=_("Kind"), choices=[(d, d) for d in get_args(TargetDialect)], required=False
    )
    target_table = forms.CharField(label=_("Table or file"), max_length=120, required=False)
    reading = forms.ChoiceField(label=_("What is read"), choices=[(r, r) for r in get_args(Reading)])
    writing = forms.ChoiceField(label=_("How it is written"), choices=[(w, w) for w in get_args(Writing)])
    watermark = forms.ChoiceField(label=_("Watermark item"), required=False)
    overlap_s = forms.IntegerField(
        label=_("Seconds read again for late rows"), min_value=0, max_value=31_536_000, initial=0
    )
    checks = forms.CharField(label=_("Checks"), max_length=20_000, required=False)
    bad_rows = forms.IntegerField(
        label=_("Refused rows that stop a run"), min_value=0, max_value=1_000_000_000, initial=1000
    )
    bad_percent = forms.DecimalField(
        label=_("… if they are more than this percentage"),
        min_value=0,
        max_value=100,
        max_digits=7,
        decimal_places=4,
        initial=1,
    )
    schedule = forms.ChoiceField(label=_("When"), choices=SCHEDULES)
    every_minutes = forms.IntegerField(label=_("Minutes"), min_value=1, max_value=525_600, initial=60)
    at = forms.TimeField(label=_("Time of day"), initial="02:00")
    day = forms.ChoiceField(label=_("Day of the month"), choices=DAYS, initial="1", required=False)
    depends_on = forms.MultipleChoiceField(
        label=_("Only after these jobs"), required=False, widget=forms.CheckboxSelectMultiple
    )
    retry_limit = forms.IntegerField(
        label=_("Attempts after an interruption"), min_value=0, max_value=20, initial=3
    )
    longest_minutes = forms.IntegerField(
        label=_("Minutes a run may take (0: any time)"),
        min_value=0,
        max_value=43_200,
        initial=0,
        required=False,
    )

    def __init__(
        self, *args: Any, grant: Grant, said: Declaration | None = None, job: Job | None = None, **kwargs: Any
    ) -> None:
        """``said`` fills the form in, and keeps what the form does not ask for; ``job`` is the one being changed."""
        self.grant = grant
        self._said = said
        granted = set(grant.terms["fields"])
        masks = masks_of(grant)
        self.items = [
            {**item, "mask": masks[item["name"]]} for item in items_of(grant) if item["name"] in granted
        ]
        names = [item["name"] for item in self.items]
        first = {
            "name": grant.terms["resource_content"]["name"],
            "wanted": names,
            "key": [],
            "checks": "\n".join(write_check(check) for check in proposed_checks(self.items)),
        }
        super().__init__(*args, **kwargs)
        self.initial = {**first, **(_filled_in(said) if said else {}), **self.initial}
        self._offer("wanted", [(name, name) for name in names])
        self._offer("key", [(name, name) for name in names])
        self._offer("watermark", [("", "—"), *((item["name"], item["label"]) for item in self.items)])
        owned = Application.objects.filter(organisation__code=grant.consumer, is_active=True)
        named = {each["code"] for each in grant.terms["applications"]}
        self._offer("application", [(app.code, app.name) for app in owned if app.code in named])
        targets = queries.targets_of(grant.consumer)
        self._offer("target", [("", _("a new table")), *((t.code, f"{t.name}（{t}）") for t in targets)])
        earlier = queries.jobs_of(grant.consumer).exclude(pk=job.pk if job else 0)
        self._offer("depends_on", [(job.code, f"{job.name}（{job.code}）") for job in earlier])

    def _offer(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = choices

    def new_target(self) -> TargetDeclaration | None:
        """The table to declare with the job; None if one that is declared was chosen."""
        values = self.cleaned_data
        if values["target"]:
            return None
        missing = [
            (zh, en)
            for name, zh, en in (("source", "数据源", "the data source"), ("table", "表", "the table"))
            if not values[f"target_{name}"].strip()
        ]
        if missing:
            raise JobIncomplete(
                missing_zh="落地" + "、".join(zh for zh, _en in missing),
                missing_en=", ".join(en for _zh, en in missing),
            )
        columns = {name: self.data.get(f"column-{name}", "").strip() or name for name in values["wanted"]}
        said = {
            "name": values["name"],
            "source": values["target_source"].strip(),
            "dialect": values["target_dialect"],
            "table": values["target_table"].strip(),
            "columns": columns,
        }
        return _typed(said, TargetDeclaration)

    def declaration(self, target: str) -> Declaration:
        """The filled-in form as a :class:`Declaration` into ``target``."""
        values = self.cleaned_data
        said = {
            "name": values["name"].strip(),
            "grant": self.grant.code,
            "application": values["application"],
            "target": target,
            "fields": values["wanted"],
            "writing": values["writing"],
            "reading": values["reading"],
            "key": values["key"],
            "watermark": values["watermark"],
            "overlap_s": values["overlap_s"],
            "checks": msgspec.to_builtins(read_checks(values["checks"])),
            "conversions": self._said.conversions if self._said else {},
            "limits": msgspec.to_builtins(
                msgspec.structs.replace(
                    self._said.limits if self._said else Limits(),
                    bad_rows=values["bad_rows"],
                    bad_ppm=int(values["bad_percent"] * 10_000),
                )
            ),
            "staged": self.grant.provider_node != self.grant.consumer_node,
            "schedule": {
                "kind": values["schedule"],
                "every_s": values["every_minutes"] * 60 if values["schedule"] == "interval" else 0,
                "at": f"{values['at']:%H:%M}",
                "day": int(values["day"] or 1),
            },
            "depends_on": values["depends_on"],
            "retry_limit": values["retry_limit"],
            "longest_minutes": values["longest_minutes"] or 0,
        }
        return _typed(said, Declaration)


def _filled_in(said: Declaration) -> dict[str, Any]:
    """A declaration as the form's fields have it."""
    return {
        "name": said.name,
        "application": said.application,
        "wanted": said.fields,
        "key": said.key,
        "target": said.target,
        "reading": said.reading,
        "writing": said.writing,
        "watermark": said.watermark,
        "overlap_s": said.overlap_s,
        "checks": "\n".join(write_check(check) for check in said.checks),
        "bad_rows": said.limits.bad_rows,
        "bad_percent": f"{said.limits.bad_ppm / 10_000:g}",
        "schedule": said.schedule.kind,
        "every_minutes": max(1, said.schedule.every_s // 60) if said.schedule.every_s else 60,
        "at": said.schedule.at,
        "day": str(said.schedule.day),
        "depends_on": said.depends_on,
        "retry_limit": said.retry_limit,
        "longest_minutes": said.longest_minutes,
    }


class TargetForm(forms.Form):
    """A target: where it is, and which column each item goes into."""

    name = forms.CharField(label=_("Name"), max_length=120)
    source = forms.CharField(label=_("Data source"), max_length=80)
    dialect = forms.ChoiceField(label=_("Kind"), choices=[(d, d) for d in get_args(TargetDialect)])
    table = forms.CharField(label=_("Table or file"), max_length=120)

    def declaration(self, items: list[str]) -> TargetDeclaration:
        """The filled-in form; the columns stand in ``column-<item>``, an empty one leaves its item out."""
        values = self.cleaned_data
        told = {name: self.data.get(f"column-{name}", "").strip() for name in items}
        said = {name: values[name].strip() for name in ("name", "source", "dialect", "table")}
        return _typed({**said, "columns": {k: v for k, v in told.items() if v}}, TargetDeclaration)


class EdgeForm(forms.Form):
    """An edge: whose it is, its name, and the sources it serves."""

    name = forms.CharField(label=_("Name of the edge"), max_length=120)
    organisation = forms.ChoiceField(label=_("Organisation"))
    sources = forms.CharField(label=_("Data sources it serves"), max_length=4000)

    def __init__(self, *args: Any, owners: list[Organisation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["organisation"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [(owner.code, owner.name) for owner in owners]

    def declaration(self) -> EdgeDeclaration:
        """The filled-in form; names of sources stand apart by blanks, commas or lines."""
        named = re.split(r"[\s,，、;；]+", self.cleaned_data["sources"].strip())
        return _typed({"name": self.cleaned_data["name"].strip(), "sources": named}, EdgeDeclaration)


def _typed(said: dict[str, Any], kind: type[Typed]) -> Typed:
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as error:
        raise DeclarationUnreadable(why=str(error)) from error
