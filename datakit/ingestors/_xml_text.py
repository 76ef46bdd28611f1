"""Making XML from anywhere safe to parse: no DTD, no entities but characters, no stray marks.

What a parser must never see is taken out before it sees it, so that no setting of the parser
has to be trusted: document types go with all they declare, references become characters by
HTML's fixed table, and a name that the table does not have is kept as that name.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from html.entities import html5

# an undefined entity's name between these marks, so that a reader can tell it from text
ENTITY_START, ENTITY_END = "\ufdd1", "\ufdd2"
MAX_REFERENCE = 70  # characters; a longer one is a stray ampersand
MAX_DOCTYPE = 4 << 20  # characters; past it the rest of the file is not read

_OPENING = re.compile(r"<!\[CDATA\[|<!--|<!DOCTYPE|<\?", re.I)
_CLOSING = {"<![CDATA[": "]]>", "<!--": "-->", "<?": "?>", "<!DOCTYPE": ">"}
_NAME = r"[A-Za-z_][\w.:-]{0,60}"
_REFERENCE = re.compile(rf"&(?:#(\d{{1,7}})|#[xX]([0-9a-fA-F]{{1,6}})|({_NAME}));")
_STRAY_AMPERSAND = re.compile(rf"&(?!(?:#\d{{1,7}}|#[xX][0-9a-fA-F]{{1,6}}|{_NAME});)")
_STRAY_LESS = re.compile("<(?!/?[A-Za-z_:\u00c0-\U0010ffff])")
_PREDEFINED = frozenset(("amp", "lt", "gt", "quot", "apos"))
# characters that XML 1.0 does not allow, and the marks above
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_DTD_TOKEN = re.compile(r"<!--|<\?|[\"'\[\]>]")
_DECLARED = re.compile(r"<!ENTITY\s+([A-Za-z_][\w.:-]*)")


@dataclass
class Cleaner:
    """Text in pieces, each made safe as far as it can be; `close` gives the rest."""

    flags: set[str] = field(default_factory=set)  # doctype, entities, undefined_entities
    _rest: str = ""
    _until: str = ""  # the end of the construct that is open; empty in running text
    _declared: set[str] = field(default_factory=set)
    _depth: int = 0  # brackets open in the document type

    def feed(self, text: str, final: bool = False) -> str:
        """The part of what came so far that is complete, cleaned."""
        buffer = self._rest + _ILLEGAL.sub("", text)
        self._rest = ""
        out: list[str] = []
        at = 0
        while at < len(buffer):
            step = self._skip(buffer, at, final) if self._until else self._text(buffer, at, final)
            piece, after = step
            out.append(piece)
            if after < 0:
                break
            at = after
        return "".join(out)

    def close(self) -> str:
        return self.feed("", final=True)

    def _text(self, buffer: str, at: int, final: bool) -> tuple[str, int]:
        """Running text up to what opens next."""
        match = _OPENING.search(buffer, at)
        if match is None:
            cut = len(buffer) if final else self._hold(buffer, at)
            self._rest = buffer[cut:]
            return self._mended(buffer[at:cut]), -1
        self._until = _CLOSING[match.group().upper()]
        return self._mended(buffer[at : match.start()]), match.end()

    @staticmethod
    def _hold(buffer: str, at: int) -> int:
        """Where to cut so that a mark of which only the beginning is here stays whole."""
        last = max(buffer.rfind("<", at), buffer.rfind("&", at))
        return last if last >= 0 and len(buffer) - last < MAX_REFERENCE else len(buffer)

    def _mended(self, text: str) -> str:
        """Text and tags with every reference that of a character."""
        if "&" in text:
            text = _STRAY_AMPERSAND.sub("&amp;", text)
            text = _REFERENCE.sub(self._character, text)
        return _STRAY_LESS.sub("&lt;", text)

    def _character(self, match: re.Match[str]) -> str:
        decimal, hexadecimal, name = match.groups()
        if name is None:
            code = int(decimal) if decimal else int(hexadecimal, 16)
            char = chr(code) if code <= 0x10FFFF else ""
            return html.escape(_ILLEGAL.sub("", char))
        if name in _PREDEFINED:
            return match.group()
        if name not in self._declared and f"{name};" in html5:
            return html.escape(html5[f"{name};"])
        self.flags.add("undefined_entities")
        return f"{ENTITY_START}{name}{ENTITY_END}"

    def _skip(self, buffer: str, at: int, final: bool) -> tuple[str, int]:
        """What is inside a comment, an instruction, a document type or a CDATA section."""
        if self._until == ">":
            return "", self._skip_doctype(buffer, at, final)
        cdata = self._until == "]]>"
        end = buffer.find(self._until, at)
        if end >= 0:
            after = end + len(self._until)
            self._until = ""
            return (html.escape(buffer[at:end], quote=False) if cdata else ""), after
        cut = len(buffer) if final else max(at, len(buffer) - 2)
        self._rest = buffer[cut:]
        return (html.escape(buffer[at:cut], quote=False) if cdata else ""), -1

    def _skip_doctype(self, buffer: str, at: int, final: bool) -> int:
        """The offset after the document type, or -1 when it goes on in the next piece."""
        start = at
        while True:
            match = _DTD_TOKEN.search(buffer, at)
            if match is None:
                return self._hold_doctype(buffer, start, final)
            token = match.group()
            if token in ("[", "]"):
                self._depth += 1 if token == "[" else -1
            elif token == ">":
                if self._depth <= 0:
                    return self._end_doctype(buffer, start, match.end())
            else:
                closing = {"<!--": "-->", "<?": "?>"}.get(token, token)
                end = buffer.find(closing, match.end())
                if end < 0:
                    return self._hold_doctype(buffer, start, final)
                at = end + len(closing)
                continue
            at = match.end()

    def _hold_doctype(self, buffer: str, start: int, final: bool) -> int:
        """Keep what is there for the next piece, brackets to be counted again."""
        self._depth = 0
        if final or len(buffer) - start > MAX_DOCTYPE:
            self.flags.add("doctype_without_end")
            return len(buffer)
        self._rest = buffer[start:]
        return -1

    def _end_doctype(self, buffer: str, start: int, end: int) -> int:
        self._until = ""
        self.flags.add("doctype")
        declared = _DECLARED.findall(buffer[start:end])
        if declared:
            self.flags.add("entities")
            self._declared.update(declared)
        return end
