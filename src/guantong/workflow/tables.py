"""What a DMN text declares, checked against the subset (see the package's docstring)."""

from collections.abc import Mapping
from typing import Final

from lxml import etree

from guantong.workflow import expressions
from guantong.workflow.documents import DMN, DRAWING, place, read, tag
from guantong.workflow.errors import (
    DeclarationIncomplete,
    DiagramUnreadable,
    ElementOutsideSubset,
    ExpressionRefused,
    NameUndeclared,
    RuleTableOpen,
)

_INSIDE: Final = {
    "definitions": {"decision"},
    "decision": {"decisionTable", "description"},
    "decisionTable": {"input", "output", "rule"},
    "input": {"inputExpression"},
    "inputExpression": {"text"},
    "output": set[str](),
    "rule": {"description", "inputEntry", "outputEntry"},
    "inputEntry": {"text", "description"},
    "outputEntry": {"text", "description"},
    "text": set[str](),
    "description": set[str](),
}


def read_table(text: str, facts: Mapping[str, str]) -> tuple[str, etree._Element]:
    """Read and check one DMN text; gives the decision's id and the XML root for the engine."""
    root = read(text, "DMN")
    namespace, kind = tag(root)
    if namespace not in DMN or kind != "definitions":
        raise DiagramUnreadable(what="DMN", fault=f"root element {{{namespace}}}{kind}")
    _check_elements(root, namespace)
    name = f"{{{namespace}}}"
    tables = root.findall(f"{name}decision/{name}decisionTable")
    if len(tables) != 1 or len(root.findall(f"{name}decision")) != 1:
        raise DeclarationIncomplete(where="definitions", part="exactly one decision with one table")
    decision = root.find(f"{name}decision")
    if decision is None or not decision.get("id"):
        raise DeclarationIncomplete(where="decision", part="@id")
    table = tables[0]
    if table.get("hitPolicy") != "FIRST":
        raise ElementOutsideSubset(
            element=f"hitPolicy={table.get('hitPolicy', 'UNIQUE')}", where=place(table)
        )
    _check_table(table, name, facts, str(decision.get("id")))
    return str(decision.get("id")), root


def _check_elements(node: etree._Element, namespace: str) -> None:
    kind = tag(node)[1]
    for child in node:
        other, inner = tag(child)
        if kind == "definitions" and other in DRAWING:
            continue
        if other != namespace or inner not in _INSIDE[kind]:
            raise ElementOutsideSubset(element=inner, where=place(child))
        if inner not in {"text", "description"} and not child.get("id"):
            raise DeclarationIncomplete(where=inner, part="@id")
        _check_elements(child, namespace)


def _text(node: etree._Element, path: str) -> str:
    return (node.findtext(path) or "").strip()


def _check_table(table: etree._Element, name: str, facts: Mapping[str, str], decision: str) -> None:
    inputs = [_text(column, f"{name}inputExpression/{name}text") for column in table.findall(f"{name}input")]
    outputs = [column.get("name") or "" for column in table.findall(f"{name}output")]
    _space_entries(table, name)
    for fact in (*inputs, *outputs):
        if fact not in facts:
            raise NameUndeclared(name=fact, where=decision)
    rules = table.findall(f"{name}rule")
    for rule in rules:
        entries = [_text(entry, f"{name}text") for entry in rule.findall(f"{name}inputEntry")]
        results = [_text(entry, f"{name}text") for entry in rule.findall(f"{name}outputEntry")]
        if len(entries) != len(inputs) or len(results) != len(outputs):
            raise DeclarationIncomplete(where=place(rule), part="one entry for each column")
        for fact, entry in zip(inputs, entries, strict=True):
            _check_entry(fact, entry, facts)
        for fact, result in zip(outputs, results, strict=True):
            _check_result(fact, result, facts[fact])
    if not rules or any(
        _text(entry, f"{name}text") not in {"", "-"} for entry in rules[-1].findall(f"{name}inputEntry")
    ):
        raise RuleTableOpen(decision=decision)


def _space_entries(table: etree._Element, name: str) -> None:
    """The engine glues a fact and its entry together: ``in [...]`` needs a space before it."""
    for text in table.findall(f"{name}rule/{name}inputEntry/{name}text"):
        entry = (text.text or "").strip()
        text.text = entry if entry in {"", "-"} or expressions.parses(entry) else f" {entry}"


def _check_entry(fact: str, entry: str, facts: Mapping[str, str]) -> None:
    """An entry is a whole expression (compared with the fact) or the right-hand part of a comparison."""
    if entry in {"", "-"}:
        return
    if "?" in entry:
        raise ExpressionRefused(expression=entry, part="'?'")
    expressions.check(entry if expressions.parses(entry) else f"{fact} {entry}", facts)


def _check_result(fact: str, result: str, kind: str) -> None:
    value = expressions.constant(result)
    wanted = {"boolean": bool, "integer": int}.get(kind, str)
    if type(value) is not wanted:
        raise DeclarationIncomplete(where=fact, part=f"{result}: {kind}")
