"""Reading somebody else's XML without letting it reach out, swell up or hide anything."""

from typing import Final

from lxml import etree

from guantong.workflow.errors import (
    DiagramDeclaresEntities,
    DiagramTooLarge,
    DiagramUnreadable,
    ElementOutsideSubset,
)

BPMN: Final = "http://www.omg.org/spec/BPMN/20100524/MODEL"
GT: Final = "https://guantong.example/bpmn"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
DRAWING: Final = frozenset(
    {
        "http://www.omg.org/spec/BPMN/20100524/DI",
        "http://www.omg.org/spec/DD/20100524/DC",
        "http://www.omg.org/spec/DD/20100524/DI",
        "https://www.omg.org/spec/DMN/20191111/DMNDI/",
        "http://www.omg.org/spec/DMN/20180521/DI/",
        "http://www.omg.org/spec/DMN/20180521/DC/",
        "http://www.omg.org/spec/DMN/20180521/DMNDI/",
    }
)
"""Namespaces that only draw: the engine reads no more than coordinates from them."""
DMN: Final = frozenset(
    {
        "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
        "http://www.omg.org/spec/DMN/20180521/MODEL/",
        "https://www.omg.org/spec/DMN/20191111/MODEL/",
    }
)

MAX_CHARACTERS: Final = 400_000
MAX_ELEMENTS: Final = 4_000


def read(text: str, what: str) -> etree._Element:
    """The root of an XML text; comments are left out.

    Raises DiagramTooLarge, DiagramDeclaresEntities, DiagramUnreadable, ElementOutsideSubset.
    """
    if len(text) > MAX_CHARACTERS:
        raise DiagramTooLarge(measure="characters", found=len(text), limit=MAX_CHARACTERS)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise DiagramDeclaresEntities(what=what)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as fault:
        raise DiagramUnreadable(what=what, fault=str(fault)) from fault
    count = 0
    for node in root.iter():
        count += 1
        if not isinstance(node.tag, str):
            raise ElementOutsideSubset(element=str(node), where=what)
    if count > MAX_ELEMENTS:
        raise DiagramTooLarge(measure="XML elements", found=count, limit=MAX_ELEMENTS)
    return root


def tag(node: etree._Element) -> tuple[str, str]:
    """Namespace and local name of an element."""
    name = etree.QName(node)
    return name.namespace or "", name.localname


def place(node: etree._Element) -> str:
    """How a person finds the element: its id, or that of the nearest element around it that has one."""
    here: etree._Element | None = node
    while here is not None:
        if here.get("id"):
            return str(here.get("id"))
        here = here.getparent()
    return tag(node)[1]
