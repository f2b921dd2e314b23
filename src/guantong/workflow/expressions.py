"""Conditions and rules: a tiny language, read with Python's grammar, interpreted here, never executed.

Facts, constants (also FEEL's ``true false null``), comparisons, ``in`` over lists of constants, ``and or
not``. No call, attribute, subscript, arithmetic, comprehension, lambda, format string, or name that was not
declared.
"""

import ast
from collections.abc import Collection, Mapping
from typing import Final

from guantong.workflow.errors import ExpressionRefused, NameUndeclared

Value = str | int | bool | None

MAX_CHARACTERS: Final = 500
MAX_NODES: Final = 80
MAX_INTEGER: Final = 10**12
WORDS: Final[Mapping[str, Value]] = {"true": True, "false": False, "null": None}


def check(text: str, names: Collection[str]) -> None:
    """Refuse an expression that is not in the language; raises ExpressionRefused or NameUndeclared."""
    _checked(text, names)


def evaluate(text: str, names: Collection[str], values: Mapping[str, object]) -> Value:
    """What an expression is worth; a declared name without a value is ``None``."""
    return _worth(_checked(text, names), values)


def constant(text: str) -> Value:
    """The value of an expression that must be one constant (an output of a decision table)."""
    node = _checked(text, ())
    if not isinstance(node, ast.Constant | ast.UnaryOp | ast.Name):
        raise ExpressionRefused(expression=text, part=type(node).__name__)
    return _worth(node, {})


def parses(text: str) -> bool:
    """Whether the text is a whole expression by itself (``>= 6`` is not: it lacks its left side)."""
    try:
        _parse(text)
    except ExpressionRefused:
        return False
    return True


def _parse(text: str) -> ast.expr:
    if len(text) > MAX_CHARACTERS:
        raise ExpressionRefused(expression=text[:60] + "…", part=f"more than {MAX_CHARACTERS} characters")
    for character in "\\\0;#":
        if character in text:
            raise ExpressionRefused(expression=text, part=repr(character))
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as fault:
        raise ExpressionRefused(expression=text, part=f"syntax: {type(fault).__name__}") from fault


def _checked(text: str, names: Collection[str]) -> ast.expr:
    tree = _parse(text)
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise ExpressionRefused(expression=text, part=f"more than {MAX_NODES} parts")
    _admit(tree, text, names)
    return tree


def _admit(node: ast.expr, text: str, names: Collection[str]) -> None:
    match node:
        case ast.Constant() if _is_plain_constant(node.value):
            return
        case ast.Name(id=name):
            if name not in WORDS and name not in names:
                raise NameUndeclared(name=name, where=text)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int())) | ast.UnaryOp(op=ast.Not()):
            _admit(node.operand, text, names)
        case ast.BoolOp():
            for part in node.values:
                _admit(part, text, names)
        case ast.Compare():
            _admit(node.left, text, names)
            for operator, part in zip(node.ops, node.comparators, strict=True):
                _admit_side(operator, part, text, names)
        case _:
            raise ExpressionRefused(expression=text, part=type(node).__name__)


def _is_plain_constant(value: object) -> bool:
    match value:
        case bool() | None:
            return True
        case int():
            return abs(value) <= MAX_INTEGER
        case str():
            return len(value) <= 200
        case _:
            return False


def _admit_side(operator: ast.cmpop, side: ast.expr, text: str, names: Collection[str]) -> None:
    if isinstance(operator, ast.Is | ast.IsNot):
        raise ExpressionRefused(expression=text, part=type(operator).__name__)
    if not isinstance(operator, ast.In | ast.NotIn):
        _admit(side, text, names)
        return
    if not isinstance(side, ast.List | ast.Tuple):
        raise ExpressionRefused(expression=text, part="in: a list of constants is wanted")
    for part in side.elts:
        if not isinstance(part, ast.Constant):
            raise ExpressionRefused(expression=text, part=type(part).__name__)
        _admit(part, text, names)


def _worth(node: ast.expr, values: Mapping[str, object]) -> Value:
    match node:
        case ast.Constant(value=value):
            return _plain(value)
        case ast.Name(id=name):
            return WORDS[name] if name in WORDS else _plain(values.get(name))
        case ast.UnaryOp(op=operator):
            inner = _worth(node.operand, values)
            if isinstance(operator, ast.Not):
                return inner is not True
            return -inner if isinstance(inner, int) else None
        case ast.BoolOp(op=operator):
            parts = (_worth(part, values) is True for part in node.values)
            return all(parts) if isinstance(operator, ast.And) else any(parts)
        case ast.Compare():
            return _compare(node, values)
        case _:  # pragma: no cover - _admit lets nothing else through
            raise ExpressionRefused(expression=ast.unparse(node), part=type(node).__name__)


def _compare(node: ast.Compare, values: Mapping[str, object]) -> bool:
    left = _worth(node.left, values)
    for operator, side in zip(node.ops, node.comparators, strict=True):
        if isinstance(side, ast.List | ast.Tuple):
            among = any(_same(left, _worth(part, values)) for part in side.elts)
            if among is isinstance(operator, ast.NotIn):
                return False
            continue
        right = _worth(side, values)
        if not _holds(operator, left, right):
            return False
        left = right
    return True


def _holds(operator: ast.cmpop, left: Value, right: Value) -> bool:
    if isinstance(operator, ast.Eq):
        return _same(left, right)
    if isinstance(operator, ast.NotEq):
        return not _same(left, right)
    if left is None or right is None or type(left) is not type(right):
        return False
    return _in_order(operator, left, right)


def _same(left: Value, right: Value) -> bool:
    """Equality without Python's ``True == 1``."""
    return type(left) is type(right) and left == right


def _plain(value: object) -> Value:
    return value if isinstance(value, str | int | None) else None


def _in_order(operator: ast.cmpop, left: int | str, right: int | str) -> bool:
    before = left < right  # type: ignore[operator] # the caller has seen to equal types
    match operator:
        case ast.Lt():
            return before
        case ast.LtE():
            return before or left == right
        case ast.Gt():
            return not before and left != right
        case _:
            return not before
