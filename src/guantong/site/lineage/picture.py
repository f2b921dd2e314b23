"""The drawing: layers from source to case, left to right. Inline SVG without scripts or styles of its own; pure.

Every node is a link with its whole name; the page repeats all of it as a table for whoever cannot see the picture.
"""

from collections.abc import Callable, Mapping
from html import escape
from typing import Final

from guantong.site.lineage.types import KINDS, Graph, Node

WIDE, TALL, GAP_X, GAP_Y, MARGIN, HEAD = 172, 40, 58, 12, 10, 26
PER_LAYER: Final = 18
# Where each kind stands at the least; kinds that are not there take no room.
_BASE: Final = {
    "table": 0, "column": 1, "entry": 2, "item": 2, "element": 3, "grant": 4, "job": 5, "service": 5, "target": 6, "case": 6,
}  # fmt: skip


def picture(
    graph: Graph,
    *,
    href: Callable[[Node], str],
    word: Callable[[str], str],
    title: str,
    more: Callable[[int], str],
) -> str:
    """The drawing. ``href`` is where a node leads, ``word`` the name of a kind, ``more`` says how many are left out."""
    layers = layered(graph)
    shown = [layer[:PER_LAYER] for layer in layers]
    places = _places(shown, tallest=max(len(layer) for layer in shown))
    width = MARGIN * 2 + len(layers) * WIDE + (len(layers) - 1) * GAP_X
    height = HEAD + max(y for _, y in places.values()) + TALL + MARGIN + (26 if shown != layers else 0)
    parts = [
        f'<svg class="lineage" role="group" aria-label="{escape(title)}" viewBox="0 0 {width} {height:.0f}"',
        f' width="{width}" height="{height:.0f}" xmlns="http://www.w3.org/2000/svg">',
        *(
            _line(graph, places, pair)
            for pair in sorted(graph.edges)
            if pair[0] in places and pair[1] in places
        ),
        *_heads(graph, shown, word),
        *(_box(graph, graph.nodes[each], places[each], href, word) for layer in shown for each in layer),
    ]
    for number, layer in enumerate(layers):
        if len(layer) > PER_LAYER:
            x, y = MARGIN + number * (WIDE + GAP_X) + WIDE / 2, height - MARGIN
            parts.append(
                f'<text class="more" x="{x:.0f}" y="{y:.0f}">{escape(more(len(layer) - PER_LAYER))}</text>'
            )
    return "\n".join([*parts, "</svg>"])


def layered(graph: Graph) -> list[list[str]]:
    """Nodes by layer: as far right as the longest way from a source; neighbours stand near each other."""
    before: dict[str, list[str]] = {each: [] for each in graph.nodes}
    for source, user in graph.edges:
        before[user].append(source)
    present = sorted({_BASE[node.kind] for node in graph.nodes.values()})
    least = {each: present.index(_BASE[node.kind]) for each, node in graph.nodes.items()}
    depths: dict[str, int] = {}
    for each in graph.nodes:
        _depth(each, before, depths, set(), least)
    layers: list[list[str]] = [[] for _ in range(max(depths.values()) + 1)]
    for each, depth in depths.items():
        layers[depth].append(each)
    layers = _spread(graph, [layer for layer in layers if layer])
    ranks: dict[str, float] = {}
    for layer in layers:
        layer.sort(key=lambda each: (_middle(before[each], ranks), graph.nodes[each].label, each))
        ranks |= {each: float(number) for number, each in enumerate(layer)}
    return layers


def _spread(graph: Graph, layers: list[list[str]]) -> list[list[str]]:
    """Different kinds that share a layer stay together in it, in the order in which data flows."""
    for layer in layers:
        layer.sort(key=lambda each: KINDS.index(graph.nodes[each].kind))
    return layers


def _depth(
    each: str,
    before: Mapping[str, list[str]],
    depths: dict[str, int],
    above: set[str],
    least: Mapping[str, int],
) -> int:
    """The longest way from a source, and no further left than its kind; a ring is cut where it closes."""
    if each in depths:
        return depths[each]
    if each in above:
        return least[each]
    ways = [
        _depth(other, before, depths, above | {each}, least) + 1
        for other in before[each]
        if other not in above
    ]
    depths[each] = max([least[each], *ways])
    return depths[each]


def _middle(sources: list[str], ranks: Mapping[str, float]) -> float:
    known = [ranks[each] for each in sources if each in ranks]
    return sum(known) / len(known) if known else 0.0


def _places(layers: list[list[str]], *, tallest: int) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for number, layer in enumerate(layers):
        top = (tallest - len(layer)) * (TALL + GAP_Y) / 2
        for row, each in enumerate(layer):
            found[each] = (MARGIN + number * (WIDE + GAP_X), HEAD + top + row * (TALL + GAP_Y))
    return found


def _line(graph: Graph, places: Mapping[str, tuple[float, float]], pair: tuple[str, str]) -> str:
    (x1, y1), (x2, y2) = places[pair[0]], places[pair[1]]
    begin, end, bend = x1 + WIDE, x2, max(GAP_X / 2, abs(x2 - x1 - WIDE) / 2)
    y1, y2 = y1 + TALL / 2, y2 + TALL / 2
    kind = "way meaning" if graph.nodes[pair[1]].kind == "element" else "way"
    path = f"M{begin:.0f} {y1:.0f}C{begin + bend:.0f} {y1:.0f} {end - bend:.0f} {y2:.0f} {end:.0f} {y2:.0f}"
    return f'<path class="{kind}" d="{path}"/>'


def _heads(graph: Graph, layers: list[list[str]], word: Callable[[str], str]) -> list[str]:
    drawn = []
    for number, layer in enumerate(layers):
        kinds = dict.fromkeys(graph.nodes[each].kind for each in layer)
        told = " · ".join(word(kind) for kind in list(kinds)[:2])
        x = MARGIN + number * (WIDE + GAP_X)
        drawn.append(f'<text class="head" x="{x}" y="{HEAD - 10}">{escape(told)}</text>')
    return drawn


def _box(
    graph: Graph,
    node: Node,
    place: tuple[float, float],
    href: Callable[[Node], str],
    word: Callable[[str], str],
) -> str:
    x, y = place
    kinds = ["node", f"of-{node.kind}"]
    kinds += ["start"] if node.id == graph.start.id else []
    kinds += ["broken"] if node.is_broken else []
    told = f"{word(node.kind)}: {node.label}" + (f" ({node.note})" if node.note else "")
    mark = "⚠ " if node.is_broken else ""
    label, note = _cut(mark + node.label, 22), _cut(node.note, 27)
    return (
        f'<a href="{escape(href(node))}" aria-label="{escape(told)}"><title>{escape(told)}</title>'
        f'<g class="{" ".join(kinds)}"><rect x="{x:.0f}" y="{y:.0f}" width="{WIDE}" height="{TALL}" rx="6"/>'
        f'<text class="label" x="{x + 10:.0f}" y="{y + (17 if note else 25):.0f}">{escape(label)}</text>'
        + (f'<text class="note" x="{x + 10:.0f}" y="{y + 32:.0f}">{escape(note)}</text>' if note else "")
        + "</g></a>"
    )


def _cut(text: str, most: int) -> str:
    """As much as fits; a wide character takes two places."""
    used, kept = 0, ""
    for sign in text:
        used += 2 if ord(sign) > 0x2E80 else 1
        if used > most:
            return kept + "…"
        kept += sign
    return kept
