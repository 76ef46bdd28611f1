"""The numbers of an XBRL instance: concept, unit, and the value of each period.

Facts about a part of the company (a context with dimensions: a segment, a product) are counted and
left out; the report as a whole is what its tables show.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from datakit.ingestors._cells import Cells, even
from datakit.ingestors._html import RawBlock

MAX_FACTS = 100_000  # of one instance; the largest banks have about 30,000
ROWS = 40  # concepts in one table
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(slots=True)
class FactTable:
    """Collects facts from the events of a parser; namespaces may be kept or cut off."""

    left_out: Counter[str] = field(default_factory=Counter)
    _periods: dict[str, str] = field(default_factory=dict)  # by context without dimensions
    _units: dict[str, str] = field(default_factory=dict)
    _facts: list[tuple[str, str, str, str]] = field(default_factory=list)
    _open: str = ""  # id of the context or unit that is open
    _parts: dict[str, str] = field(default_factory=dict)  # of that context or unit
    _text: list[str] = field(default_factory=list)
    _references: tuple[str, str] | None = None  # context and unit of the fact that is open

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        name = local(tag)
        self._text.clear()
        if name in ("context", "unit"):
            self._open = attributes.get("id", "")
            self._parts = {}
        elif name in ("explicitMember", "typedMember"):
            self._parts["dimension"] = "yes"
        elif "unitRef" in attributes:
            self._references = attributes.get("contextRef", ""), attributes["unitRef"]

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, tag: str) -> None:
        name = local(tag)
        text = "".join(self._text).strip()
        self._text.clear()
        if name == "context":
            self._close_context()
        elif name == "unit":
            self._units[self._open] = self._parts.get("unit", "")
        elif name == "measure":
            gap = "/" if "unit" in self._parts else ""
            self._parts["unit"] = self._parts.get("unit", "") + gap + text.rpartition(":")[2]
        elif name in ("instant", "startDate", "endDate"):
            self._parts[name] = text[:10]
        elif self._references:
            self._add(name, text)

    def _close_context(self) -> None:
        parts = self._parts
        period = parts.get("instant") or f"{parts.get('startDate')} to {parts.get('endDate')}"
        if "dimension" not in parts:
            self._periods[self._open] = period

    def _add(self, concept: str, value: str) -> None:
        context, unit = self._references or ("", "")
        self._references = None
        if value and len(self._facts) < MAX_FACTS:
            self._facts.append((concept, context, unit, value))

    def blocks(self) -> list[RawBlock]:
        """A heading and tables with a row for each concept and unit; empty without a number."""
        rows: dict[tuple[str, str], dict[str, str]] = {}
        for concept, context, unit, value in self._facts:
            period = self._periods.get(context)
            if period is None:
                self.left_out["fact of a part"] += 1
            else:
                row = rows.setdefault((concept, self._units.get(unit, unit)), {})
                row.setdefault(period, grouped(value))
        facts = [(words(concept), unit, row) for (concept, unit), row in rows.items()]
        tables = [_table(facts[i : i + ROWS]) for i in range(0, len(facts), ROWS)]
        return [RawBlock("heading", "Facts", level=1), *tables] if tables else []


Fact = tuple[str, str, dict[str, str]]  # a concept in words, its unit, its values by period


def _table(facts: list[Fact]) -> RawBlock:
    lines = (
        " | ".join([concept, unit, *(f"{period}: {value}" for period, value in row.items())])
        for concept, unit, row in facts
    )
    return RawBlock("table", "\n".join(lines), cells=partial(_cells, facts))


def _cells(facts: list[Fact]) -> Cells:
    periods = list(dict.fromkeys(period for _, _, row in facts for period in row))
    rows = ([concept, unit, *(row.get(p, "") for p in periods)] for concept, unit, row in facts)
    return even([["Concept", "Unit", *periods], *rows], True)


def local(tag: str) -> str:
    """A name without its namespace or prefix."""
    return tag.rpartition("}")[2].rpartition(":")[2]


def words(concept: str) -> str:
    """`Net Income Loss` for `NetIncomeLoss`."""
    return " ".join(_WORDS.findall(concept)) or concept


def grouped(value: str) -> str:
    """A number with its thousands parted by commas; anything else as it is."""
    if not _NUMBER.fullmatch(value):
        return value
    whole, point, decimals = value.partition(".")
    sign = "-" * whole.startswith("-")
    return f"{sign}{int(whole.removeprefix('-')):,}{point}{decimals}" if len(whole) < 40 else value
