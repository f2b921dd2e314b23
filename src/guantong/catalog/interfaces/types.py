"""What an entry says of the department's own HTTP interface; compiled it is a :class:`guantong.bundle.services.Operation`."""

from typing import Annotated, Literal

import msgspec

from guantong.bundle import services

Place = Literal["path", "query", "header", "json"]

_Name = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Pattern = Annotated[str, msgspec.Meta(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ParameterContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A parameter as the consumer names it: where it goes, its name there, the key item that it carries."""

    where: Place
    sent_as: _Name = ""
    item: _Name = ""
    required: bool = False


class OperationContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """操作: a method on a path, what it takes, and where each item stands in its answer.

    ``cache_s`` is for how long an answer may be given again; 0: every time anew.
    """

    method: services.Method
    path: Annotated[str, msgspec.Meta(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
    label: Annotated[str, msgspec.Meta(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    parameters: Annotated[dict[_Name, ParameterContent], msgspec.Meta(max_length=64)] = {}
    items: Annotated[dict[_Name, _Pattern], msgspec.Meta(max_length=500)] = {}
    passed: Annotated[list[_Pattern], msgspec.Meta(max_length=64)] = []
    rows: _Pattern = ""
    body: Literal["none", "json", "whole"] = "none"
    answer: Literal["json", "whole"] = "json"
    cache_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 0

    @property
    def keys(self) -> frozenset[str]:
        """The items by which it finds what it answers."""
        return frozenset(each.item for each in self.parameters.values() if each.item)

    def compiled(self) -> services.Operation:
        """As the data plane knows it."""
        return services.Operation(
            method=self.method,
            path=self.path,
            parameters={
                name: services.Parameter(
                    where=each.where, sent_as=each.sent_as, item=each.item, required=each.required
                )
                for name, each in self.parameters.items()
            },
            items=dict(self.items),
            passed=list(self.passed),
            rows=self.rows,
            body=self.body,
            answer=self.answer,
        )
