"""The form of a request, as a person fills it in."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from guantong.catalog.types import ResourceContent
from guantong.identity.models import Application, Organisation
from guantong.sharing.types import Need


class NeedForm(forms.Form):
    """What a department needs of one resource: least fields, one purpose, the law, who will call."""

    wanted = forms.MultipleChoiceField(label=_("Items"), widget=forms.CheckboxSelectMultiple)
    modes = forms.MultipleChoiceField(
        label=_("Mode"),
        choices=[
            ("verify", _("Verify (match or no match, nothing disclosed)")),
            ("query", _("Query")),
            ("batch", _("Batch (whole tables, on a schedule)")),
        ],
        widget=forms.CheckboxSelectMultiple,
    )
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

    def __init__(self, *args: Any, content: ResourceContent, consumer: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.resource_code = content.code
        self._offer("wanted", [(item.name, f"{item.label}（{item.name}）") for item in content.items])
        owned = Application.objects.filter(organisation=consumer, is_active=True)
        self._offer("applications", [(app.code, app.name) for app in owned])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - for the type checker
        field.choices = choices

    def need(self) -> Need:
        """The filled-in form as a :class:`Need`."""
        values = self.cleaned_data
        return Need(
            resource=self.resource_code,
            fields=values["wanted"],
            modes=values["modes"],
            purpose=values["purpose"],
            purpose_text=values["purpose_text"],
            legal_basis=values["legal_basis"],
            applications=values["applications"],
            pledge_signed=values["pledge_signed"],
            per_day=values["per_day"],
            per_second=values["per_second"],
            days=values["days"],
        )
