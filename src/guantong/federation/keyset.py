"""Which keys and witnesses belong to which node, written where the log and the verifier look.

The rule of the tree: a log is witnessed by the node above; the root's log by any of its children.
"""

from pathlib import Path

from guantong.federation import queries
from guantong.federation.cards import Card, read_card
from guantong.federation.models import Node, Relation
from guantong.kit.durable import replace_news
from guantong.kit.settings import Settings


def keyset_folder(settings: Settings) -> Path:
    """The folder that ``guantong verify --keys`` takes: ``nodes`` and one C2SP tlog-policy a log."""
    return settings.home / "keyset"


def write_keyset(folder: Path) -> None:
    """Write the public keys of all confirmed nodes and the quorum policy of each one's log."""
    nodes = {node.code: node for node in Node.objects.filter(is_confirmed=True)}
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "nodes", "".join(_node_keys(node) for node in nodes.values()))
    for node in nodes.values():
        _replace(folder / f"{node.code}.policy", policy_of(node, _witnesses(node, nodes), with_urls=False))


def write_log_files(settings: Settings) -> None:
    """Tell this node's log whom to ask for cosignatures, whose logs it may cosign, and whose it follows: those it
    witnesses, so that what it cosigned and what everybody reads are compared.
    """
    nodes = {node.code: node for node in Node.objects.filter(is_confirmed=True)}
    own = nodes[settings.node]
    settings.log_folder.mkdir(parents=True, exist_ok=True)
    _replace(settings.log_folder / "policy", policy_of(own, _witnesses(own, nodes), with_urls=True))
    near = [node for node in nodes.values() if node.relation in {Relation.PARENT, Relation.CHILD}]
    _replace(
        settings.log_folder / "known-logs",
        "".join(f"{key}\n" for node in near for key in _card(node).keys("log")),
    )
    watched = [node for node in near if own in _witnesses(node, nodes)]
    _replace(
        settings.log_folder / "followed",
        "".join(f"{node.log_url} {' '.join(_card(node).keys('log'))}\n" for node in watched),
    )


def policy_of(node: Node, witnesses: list[Node], *, with_urls: bool) -> str:
    """The C2SP tlog-policy of one log: any one of ``witnesses`` must have cosigned; none if there are none yet."""
    lines = [f"# {node.code} {node.title}", *(f"log {key}" for key in _card(node).keys("log"))]
    names = []
    for one in witnesses:
        for number, key in enumerate(_card(one).keys("witness")):
            names.append(f"{one.code}.{number}" if number else one.code)
            # Only its present key is asked for; the others are for what was cosigned, or will be.
            url = f" {one.log_url}" if with_urls and not number else ""
            lines.append(f"witness {names[-1]} {key}{url}")
    if names:
        lines.append("group governments any " + " ".join(names))
    lines.append(f"quorum {'governments' if names else 'none'}")
    return "\n".join(lines) + "\n"


def _node_keys(node: Node) -> str:
    """The lines of one node: its present key, the one to come, and the former ones with the moment of their end."""
    keys = queries.keys_of(node)
    coming = [keys.coming.to_text()] if keys.coming else []
    former = [f"{each.key.to_text()} until {each.until}" for each in reversed(keys.former)]
    return "".join(f"{line}\n" for line in [keys.present.to_text(), *coming, *former])


def _witnesses(node: Node, nodes: dict[str, Node]) -> list[Node]:
    parents = {code: _parent_of(each) for code, each in nodes.items()}
    above = parents[node.code]
    if above:
        return [nodes[above]] if above in nodes else []
    return [nodes[code] for code, parent in sorted(parents.items()) if parent == node.code]


def _parent_of(node: Node) -> str:
    return _card(node).parent


def _card(node: Node) -> Card:
    return read_card(node.card.encode())


def _replace(path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    replace_news(path, text)
