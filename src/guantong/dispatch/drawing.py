"""The picture of flows: departments as nodes, rows as widths. Inline SVG, pure, without scripts or styles of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, MARGIN, BAR, GAP = 960, 12, 10, 22
LABEL = 250
THINNEST, TALLEST = 2.0, 320.0


@dataclass(frozen=True)
class Stream:
    """Rows that went from one department to another; ``href`` is where a click leads."""

    provider: str
    consumer: str
    rows: int
    href: str


def picture(streams: Sequence[Stream], *, name: Callable[[str], str], title: str, unit: str) -> str:
    """The drawing, providers on the left and consumers on the right; nothing for no streams.

    ``name`` gives a department's name, ``unit`` the word for rows. Jobs without rows are thin and dashed.
    """
    if not streams:
        return ""
    most = sum(stream.rows for stream in streams)
    widths = {
        (s.provider, s.consumer): max(THINNEST, TALLEST * s.rows / most if most else 0) for s in streams
    }
    left = _stacked(list(dict.fromkeys(s.provider for s in streams)), widths, side=0)
    right = _stacked(list(dict.fromkeys(s.consumer for s in streams)), widths, side=1)
    height = max(_foot(left), _foot(right)) + MARGIN
    parts = [
        f'<svg class="streams" role="group" aria-label="{escape(title)}" viewBox="0 0 {WIDTH} {height:.0f}"',
        ' xmlns="http://www.w3.org/2000/svg">',
        *_bands(streams, widths, left, right, name, unit),
        *(_node(code, place, x=LABEL, name=name, is_left=True) for code, place in left.items()),
        *(
            _node(code, place, x=WIDTH - LABEL - BAR, name=name, is_left=False)
            for code, place in right.items()
        ),
        "</svg>",
    ]
    return "\n".join(parts)


Place = tuple[float, float]
"""Top and height of a department's bar."""


def _stacked(codes: list[str], widths: dict[tuple[str, str], float], *, side: int) -> dict[str, Place]:
    top, made = float(MARGIN), {}
    for code in codes:
        tall = sum(width for pair, width in widths.items() if pair[side] == code)
        made[code] = (top, tall)
        top += max(tall, 20.0) + GAP
    return made


def _foot(column: dict[str, Place]) -> float:
    return max(top + max(tall, 20.0) for top, tall in column.values())


def _bands(
    streams: Sequence[Stream],
    widths: dict[tuple[str, str], float],
    left: dict[str, Place],
    right: dict[str, Place],
    name: Callable[[str], str],
    unit: str,
) -> list[str]:
    leaving = {code: top for code, (top, _) in left.items()}
    coming = {code: top for code, (top, _) in right.items()}
    drawn = []
    begin, end = LABEL + BAR, WIDTH - LABEL - BAR
    middle = (begin + end) / 2
    for stream in streams:
        width = widths[stream.provider, stream.consumer]
        start, finish = leaving[stream.provider] + width / 2, coming[stream.consumer] + width / 2
        leaving[stream.provider] += width
        coming[stream.consumer] += width
        words = f"{name(stream.provider)} → {name(stream.consumer)}: {stream.rows:,} {unit}"
        kind = "band-of-rows" if stream.rows else "band-of-rows none"
        path = f"M{begin} {start:.1f}C{middle:.0f} {start:.1f} {middle:.0f} {finish:.1f} {end} {finish:.1f}"
        drawn.append(
            f'<a href="{escape(stream.href)}" aria-label="{escape(words)}"><title>{escape(words)}</title>'
            f'<path class="{kind}" d="{path}" stroke-width="{width:.1f}"/></a>'
        )
    return drawn


def _node(code: str, place: Place, *, x: int, name: Callable[[str], str], is_left: bool) -> str:
    top, tall = place
    anchor, words_x = ("end", x - 8) if is_left else ("start", x + BAR + 8)
    label = name(code)
    shown = label if len(label) <= 16 else label[:15] + "…"
    return (
        f'<g><title>{escape(label)}</title><rect class="department" x="{x}" y="{top:.1f}" width="{BAR}"'
        f' height="{max(tall, 2):.1f}"/><text x="{words_x}" y="{top + tall / 2 + 5:.1f}"'
        f' text-anchor="{anchor}">{escape(shown)}</text></g>'
    )
