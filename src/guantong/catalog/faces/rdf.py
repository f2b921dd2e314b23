"""RDF in the small: terms, statements about one subject, and how both are written in Turtle and in JSON-LD.

Written by hand because it is little, streams, and needs no library at run time; tests read it back with rdflib.
Grammars: RDF 1.1 Turtle, JSON-LD 1.1. A lone surrogate, which no encoding has, becomes U+FFFD.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

PREFIXES: Final[Mapping[str, str]] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "hydra": "http://www.w3.org/ns/hydra/core#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
# What an IRI reference may not hold as it is (Turtle's IRIREF; surrogates besides).
_NOT_IN_IRI: Final = re.compile(r'[\x00-\x20<>"{}|^`\\\ud800-\udfff]')
_NOT_IN_TEXT: Final = re.compile(r'["\\\x00-\x1f\x7f\ud800-\udfff]')
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


@dataclass(frozen=True, slots=True)
class Iri:
    """An IRI; what may not stand in one is percent-encoded, so that it names the same thing in every syntax."""

    text: str

    def __post_init__(self) -> None:
        clean = _NOT_IN_IRI.sub(lambda found: quote(found[0], safe="", errors="replace"), self.text)
        object.__setattr__(self, "text", clean)


@dataclass(frozen=True, slots=True)
class Literal:
    """A text with its language, or a value with its datatype (a prefixed name as ``xsd:dateTime``)."""

    text: str
    language: str = ""
    datatype: str = ""

    def __post_init__(self) -> None:
        # RDF has no NUL in XML syntaxes, and no surrogate anywhere.
        object.__setattr__(self, "text", re.sub(r"[\x00\ud800-\udfff]", "\ufffd", self.text))


Term = Iri | Literal


@dataclass(frozen=True, slots=True)
class Node:
    """Everything said about one subject: its class (a prefixed name), and pairs of property and value."""

    subject: Iri
    kind: str
    said: tuple[tuple[str, Term], ...] = ()


def turtle(nodes: Iterable[Node]) -> Iterator[str]:
    """The nodes as a Turtle document, piece by piece."""
    for prefix, name in PREFIXES.items():
        yield f"@prefix {prefix}: <{name}> .\n"
    for node in nodes:
        lines = [f"a {node.kind}"] if node.kind else []
        lines += [f"{name} {_turtle_term(value)}" for name, value in node.said]
        if lines:
            yield f"\n<{node.subject.text}> " + " ;\n    ".join(lines) + " .\n"


def _turtle_term(term: Term) -> str:
    if isinstance(term, Iri):
        return f"<{term.text}>"
    text = '"' + _NOT_IN_TEXT.sub(_escaped, term.text) + '"'
    if term.language:
        return f"{text}@{term.language}"
    return f"{text}^^{term.datatype}" if term.datatype else text


def _escaped(found: "re.Match[str]") -> str:
    return _SHORT.get(found[0]) or f"\\u{ord(found[0]):04X}"


def json_ld(nodes: Iterable[Node]) -> Iterator[str]:
    """The nodes as a JSON-LD document, piece by piece."""
    yield '{"@context":' + json.dumps(dict(PREFIXES)) + ',\n"@graph":['
    comma = ""
    for node in nodes:
        yield comma + "\n" + json.dumps(_json_node(node), ensure_ascii=False)
        comma = ","
    yield "\n]}\n"


def _json_node(node: Node) -> dict[str, Any]:
    made: dict[str, Any] = {"@id": node.subject.text}
    if node.kind:
        made["@type"] = node.kind
    for name, value in node.said:
        made.setdefault(name, []).append(_json_term(value))
    return made


def _json_term(term: Term) -> dict[str, str]:
    if isinstance(term, Iri):
        return {"@id": term.text}
    made = {"@value": term.text}
    if term.language:
        made["@language"] = term.language
    elif term.datatype:
        made["@type"] = term.datatype
    return made


def in_script(value: Any) -> str:
    """``value`` as JSON that cannot end the script element it stands in, nor begin a comment or another one there."""
    text = json.dumps(value, ensure_ascii=False)
    text = re.sub(r"[\ud800-\udfff]", "\ufffd", text)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
