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
]


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
    depends_on = forms.MultipleChoiceField(
        label=_("Only after these jobs"), required=False, widget=forms.CheckboxSelectMultiple
    )
    retry_limit = forms.IntegerField(
        label=_("Attempts after an interruption"), min_value=0, max_value=20, initial=3
    )

    def __init__(self, *args: Any, grant: Grant, **kwargs: Any) -> None:
        self.grant = grant
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
        self.initial = {**first, **self.initial}
        self._offer("wanted", [(name, name) for name in names])
        self._offer("key", [(name, name) for name in names])
        self._offer("watermark", [("", "—"), *((item["name"], item["label"]) for item in self.items)])
        owned = Application.objects.filter(organisation__code=grant.consumer, is_active=True)
        named = {each["code"] for each in grant.terms["applications"]}
        self._offer("application", [(app.code, app.name) for app in owned if app.code in named])
        targets = queries.targets_of(grant.consumer)
        self._offer("target", [("", _("a new table")), *((t.code, f"{t.name}（{t}）") for t in targets)])
        earlier = queries.jobs_of(grant.consumer)
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
            "limits": msgspec.to_builtins(
                Limits(bad_rows=values["bad_rows"], bad_ppm=int(values["bad_percent"] * 10_000))
            ),
            "staged": self.grant.provider_node != self.grant.consumer_node,
            "schedule": {
                "kind": values["schedule"],
                "every_s": values["every_minutes"] * 60 if values["schedule"] == "interval" else 0,
                "at": f"{values['at']:%H:%M}",
            },
            "depends_on": values["depends_on"],
            "retry_limit": values["retry_limit"],
        }
        return _typed(said, Declaration)


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
