"""The form of a request, as a person fills it in."""

from collections.abc import Sequence
from typing import Any

import msgspec
from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from guantong.bundle.types import Condition
from guantong.catalog.types import ItemContent, ResourceContent
from guantong.identity.models import Application, Organisation
from guantong.pages.answers import language
from guantong.sharing.errors import ItemsAboveClearance
from guantong.sharing.narrowing import Scope
from guantong.sharing.types import OPEN_LIMITS, Narrowing, Need, Particulars

PARTICULARS = tuple(Particulars.__struct_fields__)
_SEVERAL = ("scenario", "result", "security")
OPERATORS = ("eq", "ne", "in", "ge", "le")
CONDITIONS = 3


class EntryForm(forms.Form):
    """What is needed of one entry: the least items, and how they are had. One of several of a request form."""

    wanted = forms.MultipleChoiceField(label=_("Items"), widget=forms.CheckboxSelectMultiple)
    modes = forms.MultipleChoiceField(
        label=_("Mode"),
        choices=[
            ("verify", _("Verify (match or no match, nothing disclosed)")),
            ("query", _("Query (row by row, when a matter needs it)")),
            ("batch", _("Batch (whole tables, on a schedule)")),
            ("file", _("Files (whole files, on a schedule)")),
            ("subscription", _("Subscription (each change as an event)")),
        ],
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, content: ResourceContent, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.content = content
        choices = [(item.name, f"{item.label}（{item.name}）") for item in content.items]
        offer(self.fields["wanted"], choices)

    @property
    def ticked(self) -> dict[str, list[str]]:
        """The boxes that are ticked, by field."""
        return {name: self[name].value() or [] for name in ("wanted", "modes")}


def offer(field: forms.Field, choices: list[tuple[str, str]]) -> None:
    """Give a field of boxes its choices."""
    assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - for the type checker
    field.choices = choices


class NeedForm(forms.Form):
    """What a department needs, of whatever entries: one purpose, the law, who will call, how much, how long."""

    purpose = forms.CharField(label=_("Service item code"), max_length=120)
    purpose_text = forms.CharField(label=_("Scenario"), max_length=400)
    legal_basis = forms.CharField(label=_("Legal basis"), max_length=400)
    applications = forms.MultipleChoiceField(
        label=_("Calling application"), widget=forms.CheckboxSelectMultiple
    )
    per_day = forms.IntegerField(
        label=_("Calls a day at most"), min_value=1, max_value=1_000_000, initial=10_000
    )
    per_second = forms.IntegerField(
        label=_("Calls a second at most"), min_value=1, max_value=5_000, initial=50
    )
    days = forms.IntegerField(label=_("Days"), min_value=1, max_value=1095, initial=365)
    pledge_signed = forms.BooleanField(label=_("I sign the data security pledge for my organisation"))
    scenario = forms.CharField(label=_("What it makes possible"), max_length=400, required=False)
    item_name = forms.CharField(label=_("Name of the service item"), max_length=120, required=False)
    scope = forms.CharField(label=_("Who will see the data, and where"), max_length=120, required=False)
    system = forms.CharField(label=_("Information system that uses it"), max_length=120, required=False)
    system_network = forms.CharField(label=_("Network that it runs on"), max_length=120, required=False)
    volume = forms.CharField(label=_("Volume expected"), max_length=120, required=False)
    peak = forms.CharField(label=_("Peak hours and rate"), max_length=120, required=False)
    result = forms.CharField(label=_("Effect expected"), max_length=400, required=False)
    security = forms.CharField(label=_("How the data are protected"), max_length=400, required=False)
    department = forms.CharField(label=_("Division that asks"), max_length=120, required=False)
    contact = forms.CharField(label=_("Contact"), max_length=120, required=False)
    phone = forms.RegexField(r"^[0-9+() -]*$", label=_("Telephone"), max_length=40, required=False)

    def __init__(self, *args: Any, consumer: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owned = list(Application.objects.filter(organisation=consumer, is_active=True))
        offer(self.fields["applications"], [(app.code, app.name) for app in self.owned])

    @property
    def clearance(self) -> int:
        """The highest level that any of the department's applications may have; 4 where it has none to ask."""
        return max((app.clearance for app in self.owned), default=4)

    def above_clearance(self, entry: EntryForm) -> str:
        """Which of an entry's wanted items no application that is named may have; empty if they all may."""
        named = [app for app in self.owned if app.code in self.cleaned_data.get("applications", [])]
        wanted = [item for item in entry.content.items if item.name in entry.cleaned_data.get("wanted", [])]
        for app in named:
            if above := [item.label for item in wanted if item.level > app.clearance]:
                error = ItemsAboveClearance(
                    items="、".join(above), application=app.name, clearance=app.clearance
                )
                return error.sentence(language())
        return ""

    def need(self, entry: EntryForm) -> Need:
        """The filled-in form as a :class:`Need` of one entry."""
        values = self.cleaned_data
        return Need(
            resource=entry.content.code,
            fields=entry.cleaned_data["wanted"],
            modes=entry.cleaned_data["modes"],
            purpose=values["purpose"],
            purpose_text=values["purpose_text"],
            legal_basis=values["legal_basis"],
            applications=values["applications"],
            pledge_signed=values["pledge_signed"],
            per_day=values["per_day"],
            per_second=values["per_second"],
            days=values["days"],
            particulars=Particulars(**{name: values[name].strip() for name in PARTICULARS}),
        )


class NarrowingForm(forms.Form):
    """What an approver leaves of a request; begins with all of it."""

    per_day = forms.IntegerField(label=_("Calls a day at most"), min_value=1, required=False)
    per_second = forms.IntegerField(label=_("Calls a second at most"), min_value=1, required=False)
    days = forms.IntegerField(label=_("Days"), min_value=1, required=False)
    concurrent = forms.IntegerField(
        label=_("Calls at one time at most"), min_value=1, max_value=10_000, required=False
    )
    rows_per_day = forms.IntegerField(
        label=_("Rows a day at most"), min_value=1, max_value=1_000_000_000, required=False
    )
    per_key_per_day = forms.IntegerField(
        label=_("Look-ups of the same keys a day at most"), min_value=1, max_value=1_000_000, required=False
    )

    def __init__(self, *args: Any, left: Scope, items: Sequence[ItemContent], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.left = left
        self.known = list(items)
        self.labels = {item.name: item.label for item in items}

    @property
    def kept(self) -> list[tuple[str, str, bool]]:
        """The items that are left: name, label, whether its box is ticked."""
        ticked = self._ticked() if self.is_bound else self.left.fields
        return [(name, self.labels.get(name, name), name in ticked) for name in self.left.fields]

    @property
    def limits(self) -> list[tuple[Any, int]]:
        """Each limit's field, and what it is now."""
        return [(self[name], getattr(self.left, name)) for name in ("per_day", "per_second", "days")]

    @property
    def open_limits(self) -> list[tuple[Any, int | None]]:
        """The limits that there need not be: each field, and what it is now (None: none)."""
        return [(self[name], getattr(self.left.narrowing, name)) for name in OPEN_LIMITS]

    @property
    def rows(self) -> list[tuple[int, str, str, str]]:
        """The conditions on rows as typed: number, item, operator, value."""
        typed = self.data if self.is_bound else {}
        return [
            (
                n,
                typed.get(f"condition_item_{n}", ""),
                typed.get(f"condition_op_{n}", "eq"),
                typed.get(f"condition_value_{n}", ""),
            )
            for n in range(CONDITIONS)
        ]

    def _ticked(self) -> list[str]:
        return self.data.getlist("kept") if isinstance(self.data, QueryDict) else []

    def narrowing(self) -> Narrowing | None:
        """The filled-in form; None if nothing is taken away."""
        values, left = self.cleaned_data, self.left
        kept = self._ticked()
        less: dict[str, Any] = {
            name: values[name]
            for name in ("per_day", "per_second", "days")
            if values[name] and values[name] != getattr(left, name)
        }
        less |= {
            name: values[name]
            for name in OPEN_LIMITS
            if values[name] and values[name] != getattr(left.narrowing, name)
        }
        if self.data.get("narrowed") and kept != left.fields:
            less["fields"] = kept
        conditions = [
            row_condition(item, op, value) for _, item, op, value in self.rows if item and value.strip()
        ]
        if conditions:
            less["condition"] = conditions
        return msgspec.convert(less, Narrowing) if less else None


def row_condition(item: str, op: str, value: str) -> Condition:
    """A row condition as typed; a list for ``in``, its parts parted by commas. ValidationError."""
    wanted: str | list[str | int] = value.strip()[:200]
    if op == "in":
        wanted = [
            part.strip() for part in value.replace("、", ",").replace("，", ",").split(",") if part.strip()
        ]
    return msgspec.convert({"item": item, "op": op if op in OPERATORS else "eq", "value": wanted}, Condition)
