"""EDGAR's forms in XML (3, 4, 5, 13F, D, …): values under their names, as a reader sees them."""

from __future__ import annotations

import re
from typing import Any

from datakit.ingestors._blocks import DocumentBuilder
from datakit.records import Document, Dropped

MAX_DEPTH = 12
MAX_LEVEL = 6  # of a heading
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_XML = re.compile(r"<\?xml[^>]*\?>")


def read_form(text: str, source_uri: str, flags: tuple[str, ...] = ()) -> Document | Dropped:
    """The document of a form: groups are headings, a value is a line `Name: value`."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    markup = _XML.sub("", text, count=1).strip()
    try:
        root = etree.fromstring(markup.encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None:
        return Dropped(
            source_uri,
            "bad_xml",
            f"{source_uri}: no element could be read in {len(text):,} characters, expected XML. "
            "Was the download cut off?",
        )
    builder = DocumentBuilder("edgar_submission", "application/xml")
    builder.append("heading", label(etree.QName(root).localname), 1)
    _add(builder, root, 2)
    return builder.build(source_uri, flags=flags, language="en")


def label(name: str) -> str:
    """`Transaction date` for `transactionDate`."""
    words = [w if len(w) > 1 and w.isupper() else w.lower() for w in _WORDS.findall(name)]
    text = " ".join(words) or name
    return text[0].upper() + text[1:]


def _add(builder: DocumentBuilder, parent: Any, level: int) -> None:
    for element in parent:
        if not isinstance(element.tag, str):
            continue
        name = label(element.tag.rpartition("}")[2])
        value = _value(element)
        if value is not None:
            if value:
                builder.append("definition", f"{name}: {value}")
        elif level <= MAX_DEPTH:
            builder.append("heading", name, min(level, MAX_LEVEL))
            _add(builder, element, level + 1)


def _value(element: Any) -> str | None:
    """The text of an element that holds no group: `<a>1</a>`, `<a><value>1</value></a>`."""
    children = [child for child in element if isinstance(child.tag, str)]
    names = {child.tag.rpartition("}")[2] for child in children}
    if children and not names <= {"value", "footnoteId"}:
        return None
    return " ".join("".join(element.itertext()).split())
