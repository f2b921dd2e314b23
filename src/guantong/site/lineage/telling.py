"""What would break if the start went away, in words; and the picture as data."""

from typing import Any

from django.utils.translation import gettext, ngettext

from guantong.site.lineage.types import Graph
from guantong.site.words import word


def would_break(graph: Graph) -> list[str]:
    """One sentence a kind that lives on the start, the gravest first; empty if nothing does."""
    counts = graph.counts(graph.down)
    told = []
    for kind in ("case", "service", "target", "job", "grant", "entry", "item"):
        count = counts.get(kind, 0) + graph.hidden.get(kind, 0)
        if count:
            told.append(_sentence(kind, count))
    return told


def _sentence(kind: str, count: int) -> str:
    if kind == "case":
        text = ngettext(
            "%(count)d case drew on it; new ones like it would have to ask for paper again.",
            "%(count)d cases drew on it; new ones like them would have to ask for paper again.",
            count,
        )
    elif kind == "service":
        text = ngettext(
            "%(count)d service item could no longer check by itself.",
            "%(count)d service items could no longer check by themselves.",
            count,
        )
    elif kind == "target":
        text = ngettext(
            "%(count)d table of a consumer would no longer be filled.",
            "%(count)d tables of consumers would no longer be filled.",
            count,
        )
    elif kind == "job":
        text = ngettext(
            "%(count)d batch job would break off.", "%(count)d batch jobs would break off.", count
        )
    elif kind == "grant":
        text = ngettext(
            "%(count)d grant would come to nothing.", "%(count)d grants would come to nothing.", count
        )
    elif kind == "entry":
        text = ngettext(
            "%(count)d catalogue entry would be without data.",
            "%(count)d catalogue entries would be without data.",
            count,
        )
    else:
        text = ngettext(
            "%(count)d item could no longer be served.", "%(count)d items could no longer be served.", count
        )
    return text % {"count": count}


def hidden_words(graph: Graph) -> str:
    """What there is besides, without saying what."""
    parts = [f"{word('lineage', kind)} {count}" for kind, count in sorted(graph.hidden.items())]
    if not parts:
        return ""
    return gettext("Not shown, because it is not for you to see or too much: %(what)s.") % {
        "what": ", ".join(parts)
    }


def as_json(graph: Graph) -> dict[str, Any]:
    """Nodes, edges, counts and consequences."""
    return {
        "start": graph.start.id,
        "nodes": [
            {
                "id": node.id,
                "kind": node.kind,
                "label": node.label,
                "note": node.note,
                "url": node.href,
                "is_broken": node.is_broken,
                "side": "start" if node.id == graph.start.id else "up" if node.id in graph.up else "down",
            }
            for node in graph.nodes.values()
        ],
        "edges": [{"from": source, "to": user} for source, user in sorted(graph.edges)],
        "up": graph.counts(graph.up),
        "down": graph.counts(graph.down),
        "hidden": graph.hidden,
        "is_cut": graph.is_cut,
        "would_break": would_break(graph),
    }
