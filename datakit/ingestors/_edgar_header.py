"""What the header of an EDGAR submission says, in both of its forms.

`.txt`: `COMPANY CONFORMED NAME:  Acme Inc` under headings such as `FILER:`; `.nc`: the same as SGML
tags, `<CONFORMED-NAME>Acme Inc`, under `<FILER>`.

Source: EDGAR Filer Manual, volume II, and the Public Dissemination Service's SGML tags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from datakit.ingestors import _dates

# the party that a filing is about comes before those who send it
PARTIES = ("ISSUER", "SUBJECT COMPANY", "FILER", "FILED BY", "FILED FOR", "REPORTING OWNER", "")
_LINE = re.compile(r"^[ \t]*([A-Z][A-Z0-9 /&'()-]{1,60}):[ \t]*(.*)$")
_TAG = re.compile(r"<(/?)([A-Z][A-Z0-9-]{1,60})>([^<\r\n]*)")
_SIC = re.compile(r"(.*?)\s*\[?(\d{4})\]?\s*$")
_ALIASES = {
    "CONFORMED SUBMISSION TYPE": "TYPE",
    "FILED AS OF DATE": "FILING DATE",
    "CONFORMED PERIOD OF REPORT": "PERIOD",
    "COMPANY CONFORMED NAME": "CONFORMED NAME",
    "CENTRAL INDEX KEY": "CIK",
    "STANDARD INDUSTRIAL CLASSIFICATION": "ASSIGNED SIC",
    "SEC FILE NUMBER": "FILE NUMBER",
    "ITEM INFORMATION": "ITEMS",
}
_SMALL = re.compile(r"(?<=\s)(?:And|For|Of|The|In|To|Or|Not|Except)\b")


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a submission; values as written, empty where there is none."""

    values: dict[str, str] = field(default_factory=dict)  # of the submission as a whole
    parties: tuple[dict[str, str], ...] = ()  # `ROLE` and what is said of each company or person

    @property
    def subject(self) -> dict[str, str]:
        """The company or person that the submission is about."""
        ranked = sorted(self.parties, key=lambda party: PARTIES.index(party["ROLE"]))
        return ranked[0] if ranked else {}

    @property
    def form(self) -> str | None:
        return self.values.get("TYPE") or None

    @property
    def filed(self) -> str | None:
        return _dates.date_in_name(self.values.get("FILING DATE", ""))

    @property
    def period(self) -> str | None:
        return _dates.date_in_name(self.values.get("PERIOD", ""))

    @property
    def industry(self) -> tuple[str | None, str | None]:
        """SIC code and the words for it."""
        match = _SIC.fullmatch(self.subject.get("ASSIGNED SIC", ""))
        if not match:
            return None, None
        words = match.group(1).strip(" ,[")
        return match.group(2), _SMALL.sub(_lower, words.title()) or None

    @property
    def meta(self) -> dict[str, str]:
        """What has no field of its own in a `Document`."""
        subject, values = self.subject, self.values
        others = [p["CONFORMED NAME"] for p in self.parties if p.get("CONFORMED NAME")]
        names = [n for n in dict.fromkeys(others) if n != subject.get("CONFORMED NAME")]
        found = {
            "accession": values.get("ACCESSION NUMBER"),
            "submission": values.get("TYPE"),
            "cik": subject.get("CIK"),
            "sic": self.industry[0],
            "state": subject.get("STATE OF INCORPORATION") or subject.get("STATE"),
            "fiscal_year_end": subject.get("FISCAL YEAR END"),
            "file_number": subject.get("FILE NUMBER"),
            "items": values.get("ITEMS"),
            "other_parties": "; ".join(names[:20]),
        }
        return {name: value for name, value in found.items() if value}


def _lower(match: re.Match[str]) -> str:
    return match.group().lower()


def read_header(text: str) -> Header:
    """The header of a submission, from its start up to its first document."""
    pairs = _tagged(text) if _is_tagged(text) else _lined(text)
    values: dict[str, str] = {}
    parties: list[dict[str, str]] = []
    for key, value in pairs:
        name = _ALIASES.get(key, key)
        if not value and name in PARTIES:
            parties.append({"ROLE": name})
        elif value and parties:
            parties[-1].setdefault(name, value)
        elif value and name == "ITEMS" and name in values:
            values[name] += "; " + value
        elif value:
            values.setdefault(name, value)
    return Header(values, tuple(parties))


def _is_tagged(text: str) -> bool:
    return "<ACCESSION-NUMBER>" in text or "<CONFORMED-NAME>" in text


def _tagged(text: str) -> list[tuple[str, str]]:
    names = (
        (close, name.replace("-", " "), value.strip()) for close, name, value in _TAG.findall(text)
    )
    return [(name, value) for close, name, value in names if not close]


def _lined(text: str) -> list[tuple[str, str]]:
    pairs = []
    for line in text.splitlines():
        match = _LINE.match(line)
        if match:
            pairs.append((match.group(1).replace("-", " ").strip(), match.group(2).strip()))
    return pairs
