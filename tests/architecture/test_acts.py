"""Every act takes keyword-only ``by`` and ``at``, has a docstring, and (unless it only copies) leaves a trace."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import guantong

ROOMS = [
    "journal",
    "identity",
    "notices",
    "workflow",
    "catalog",
    "sharing",
    "dispatch",
    "risk",
    "federation",
    "counter",
]
# Readers and carriers that live beside the acts and change nothing of the domain.
NOT_ACTS = {
    "read_content",
    "compile_bundle",
    "seal",
    "post",
    "forward",
    "receive",
    "send_outbox",
    "send_order",
}


def acts() -> Iterator[tuple[str, Callable[..., Any]]]:
    for room in ROOMS:
        package = importlib.import_module(f"{guantong.__name__}.{room}.actions")
        names = [package.__name__]
        if hasattr(package, "__path__"):
            names += [m.name for m in pkgutil.iter_modules(package.__path__, package.__name__ + ".")]
        for name in names:
            module = importlib.import_module(name)
            for word, value in vars(module).items():
                is_own = inspect.isfunction(value) and value.__module__ == name
                if is_own and not word.startswith("_") and word not in NOT_ACTS:
                    yield f"{name}.{word}", value


def faults(act: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(act).parameters
    found = [
        f"no keyword-only {name}"
        for name in ("by", "at")
        if name not in parameters or parameters[name].kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    return found if inspect.getdoc(act) else [*found, "no docstring"]


def test_every_act_says_by_whom_and_when() -> None:
    found = dict(acts())
    assert len(found) > 20
    assert {name: faults(act) for name, act in found.items() if faults(act)} == {}


def test_an_act_without_them_would_be_found() -> None:
    def bare(thing: object, by: object) -> None:
        del thing, by

    assert faults(bare) == ["no keyword-only by", "no keyword-only at", "no docstring"]
