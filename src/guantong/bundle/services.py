"""服务: a department's own HTTP interface, published through the gateway. What may be asked of it is part of the
resource and known at every node; how it is reached is a binding and known at the provider's alone.
"""

from typing import Literal

import msgspec

from guantong.bundle.statement import Statement

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Place = Literal["path", "query", "header", "json"]


class Parameter(Statement, frozen=True):
    """A parameter as the consumer names it. ``sent_as`` is its name at the service (empty: the same), ``item`` the data
    item that it is a key of (empty: none).
    """

    where: Place
    sent_as: str = ""
    item: str = ""
    required: bool = False


class Operation(Statement, frozen=True):
    """One thing that may be asked: a method on a path such as ``/persons/{id}``, and what its answer holds.

    ``items`` says where in the answer's JSON each data item stands, ``passed`` what else goes through to everybody,
    ``rows`` where the rows stand; all are patterns of JSON Pointer (RFC 6901) with ``*`` for every element. An answer
    that is not ``json`` goes through whole, so it takes a grant of every item of the resource.
    """

    method: Method
    path: str
    parameters: dict[str, Parameter] = msgspec.field(default_factory=dict)
    items: dict[str, str] = msgspec.field(default_factory=dict)
    passed: list[str] = msgspec.field(default_factory=list)
    rows: str = ""
    body: Literal["none", "json", "whole"] = "none"
    answer: Literal["json", "whole"] = "json"

    @property
    def keys(self) -> frozenset[str]:
        """The items by which it finds what it answers."""
        return frozenset(parameter.item for parameter in self.parameters.values() if parameter.item)


class Service(Statement, frozen=True):
    """How the interface is reached: ``source`` names its addresses, which only the gateway knows.

    ``attempts`` counts the first one too; only operations that change nothing are tried again. After
    ``breaker_failures`` in a row an address rests for ``breaker_rest_s`` seconds. ``cache_s``: operation → seconds for
    which an answer may be given again. ``health``: a path that answers 200 while all is well; empty if there is none.
    ``body_limit`` and ``answer_limit`` are in bytes; beyond what fits a call, they hold for bodies that pass whole and for
    callers of the same node.
    """

    resource: str
    source: str
    timeout_ms: int = 5_000
    attempts: int = 2
    answer_limit: int = 4 << 20
    body_limit: int = 128 << 10
    breaker_failures: int = 5
    breaker_rest_s: int = 10
    cache_s: dict[str, int] = msgspec.field(default_factory=dict)
    response_headers: list[str] = msgspec.field(default_factory=list)
    health: str = ""
