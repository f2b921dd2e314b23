"""A flow as a picture: inline SVG from the diagram's own coordinates. Pure; needs no JavaScript.

States are told by class (``flow-done flow-active flow-pending``, for the style sheet), by a plain fallback
colour, by line weight and by a mark, so that colour is never the only sign.
"""

import textwrap
from collections.abc import Mapping
from html import escape
from typing import Final

from msgspec.structs import replace

from guantong.workflow.types import Edge, Shape, Specification, State

_MARGIN: Final = 12
_WORDS: Final[Mapping[State, str]] = {"done": "✓", "active": "…", "pending": ""}
_FILL: Final[Mapping[State, str]] = {"done": "#e3f1e8", "active": "#fdf1d6", "pending": "#ffffff"}
_STROKE: Final[Mapping[State, str]] = {"done": "#1d6b43", "active": "#8a5a00", "pending": "#6b7280"}
_WEIGHT: Final[Mapping[State, str]] = {"done": "2", "active": "3", "pending": "1"}
_CHARACTERS_A_LINE: Final = 8


def svg(
    spec: Specification, picture: Mapping[str, State], title: str, names: Mapping[str, str] | None = None
) -> str:
    """The drawing, coloured by :meth:`guantong.workflow.engine.Run.picture`; ``title`` is read aloud."""
    if not spec.shapes:
        return ""
    named = names or {}
    shapes = {key: replace(one, name=named.get(key, one.name)) for key, one in spec.shapes.items()}
    edges = {key: replace(one, name=named.get(key, one.name)) for key, one in spec.edges.items()}
    # what has been walked is drawn last, over what has not
    order = sorted(edges, key=lambda key: picture.get(key) == "done")
    bends = [point for edge in edges.values() for point in edge.points]
    left = min([shape.x for shape in shapes.values()] + [x for x, _ in bends]) - _MARGIN
    top = min([shape.y for shape in shapes.values()] + [y for _, y in bends]) - _MARGIN
    right = (
        max([shape.x + max(shape.width, 60) for shape in shapes.values()] + [x for x, _ in bends]) + _MARGIN
    )
    bottoms = [shape.y + shape.height + _caption_room(shape) for shape in shapes.values()]
    bottom = max(bottoms + [y for _, y in bends]) + _MARGIN
    box = f"{left:g} {top:g} {right - left:g} {bottom - top:g}"
    parts = [
        f'<svg class="flow" role="img" aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg"',
        f' viewBox="{box}" font-size="13" text-anchor="middle">',
        f"<title>{escape(title)}</title>",
        *(_edge(edges[key], picture.get(key, "pending")) for key in order),
        *(_shape(shape, picture.get(name, "pending")) for name, shape in shapes.items()),
        "</svg>",
    ]
    return "\n".join(parts)


def _caption_room(shape: Shape) -> float:
    return 0 if shape.kind.endswith("Task") else 18 * len(_lines(shape.name))


def _paint(state: State) -> str:
    colours = f'fill="{_FILL[state]}" stroke="{_STROKE[state]}"'
    return f'class="flow-{state}" {colours} stroke-width="{_WEIGHT[state]}"'


def _edge(edge: Edge, state: State) -> str:
    if len(edge.points) < 2:
        return ""
    points = " ".join(f"{x:g},{y:g}" for x, y in edge.points)
    line = (
        f'<polyline class="flow-line flow-{state}" points="{points}" fill="none" '
        f'stroke="{_STROKE[state]}" stroke-width="{_WEIGHT[state]}"/>'
    )
    return line + _arrow(edge.points[-2], edge.points[-1], state) + _edge_name(edge)


def _arrow(before: tuple[float, float], tip: tuple[float, float], state: State) -> str:
    """A small triangle along the last stretch, drawn as if it ran along one axis."""
    (x0, y0), (x, y) = before, tip
    if abs(x - x0) >= abs(y - y0):
        back = -7 if x > x0 else 7
        corners = f"{x:g},{y:g} {x + back:g},{y - 4:g} {x + back:g},{y + 4:g}"
    else:
        back = -7 if y > y0 else 7
        corners = f"{x:g},{y:g} {x - 4:g},{y + back:g} {x + 4:g},{y + back:g}"
    return f'<polygon class="flow-arrow flow-{state}" points="{corners}" fill="{_STROKE[state]}"/>'


def _edge_name(edge: Edge) -> str:
    if not edge.name:
        return ""
    (x0, y0), (x1, y1) = edge.points[0], edge.points[1]
    x, y = (x0 + x1) / 2 + (14 if x0 == x1 else 0), (y0 + y1) / 2 - (0 if x0 == x1 else 6)
    return f'<text class="flow-word" x="{x:g}" y="{y:g}" fill="#374151">{escape(edge.name)}</text>'


def _shape(shape: Shape, state: State) -> str:
    x, y = shape.x + shape.width / 2, shape.y + shape.height / 2
    if shape.kind.endswith("Task"):
        box = (
            f'<rect {_paint(state)} x="{shape.x:g}" y="{shape.y:g}" width="{shape.width:g}" '
            f'height="{shape.height:g}" rx="8"/>'
        )
        return box + _text(shape.name, x, y, _WORDS[state])
    if shape.kind.endswith("Gateway"):
        half = shape.width / 2
        corners = f"{x:g},{y - half:g} {x + half:g},{y:g} {x:g},{y + half:g} {x - half:g},{y:g}"
        sign = "×" if shape.kind == "exclusiveGateway" else "+"
        drawn = (
            f'<polygon {_paint(state)} points="{corners}"/>'
            f'<text class="flow-sign" x="{x:g}" y="{y + 6:g}" font-size="18" fill="#374151">{sign}</text>'
        )
    else:
        inner = f'cx="{x:g}" cy="{y:g}" r="{shape.width / 2 - 4:g}"'
        ring = f'<circle fill="none" stroke="{_STROKE[state]}" {inner}/>'
        drawn = f'<circle {_paint(state)} cx="{x:g}" cy="{y:g}" r="{shape.width / 2:g}"/>'
        drawn += ring if shape.kind == "endEvent" else ""
    return drawn + _caption(shape, x)


def _caption(shape: Shape, x: float) -> str:
    """Below an event; above a gateway, from whose lower corner a flow may leave."""
    lines = _lines(shape.name)
    if shape.kind.endswith("Gateway"):
        return _rows(lines, x, shape.y - 8 - 17 * (len(lines) - 1))
    return _rows(lines, x, shape.y + shape.height + 16)


def _text(name: str, x: float, y: float, mark: str) -> str:
    lines = [*_lines(name), *([mark] if mark else [])]
    return _rows(lines, x, y + 5 - 8 * (len(lines) - 1))


def _rows(lines: list[str], x: float, first: float) -> str:
    return "".join(
        f'<text class="flow-word" x="{x:g}" y="{first + 17 * n:g}" fill="#1f2937">{escape(line)}</text>'
        for n, line in enumerate(lines)
    )


def _lines(name: str) -> list[str]:
    """Chinese breaks anywhere: rows of at most eight characters; other scripts break between words."""
    if name.isascii():
        return textwrap.wrap(name, 2 * _CHARACTERS_A_LINE - 1)
    return [name[n : n + _CHARACTERS_A_LINE] for n in range(0, len(name), _CHARACTERS_A_LINE)]
