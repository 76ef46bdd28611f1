"""Running text that has lost its markup: lines in a `<pre>`, lines that a converter broke.

Reads the loose Markdown that HTML-to-text converters write (`#`, `**`, `*`, rules, links), joins
lines that were broken in the middle of a sentence and turns bullets into list items.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

from datakit.ingestors._html import ENUMERATOR, RawBlock

_CJK = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_CJK_CHAR = re.compile(f"[{_CJK}]")
_CJK_RUN = re.compile(f"[{_CJK}]+")
_SIGN = re.compile(r"[^\w\s]|_")  # neither a letter nor a digit nor a blank
_SENTENCE_ENDS = frozenset('.!?:;。！？：；…”’"』」）)】》|')
_RULE = re.compile(r"\s*(?:[=_~#*-]\s*){3,}$|[\s|:-]*-[\s|:-]*$")
_RULE_ENDS = frozenset("=_~#*-|:")  # what a rule without blanks at its end can end with
_MARK = re.compile(r"\s{0,3}(#{1,6})\s*(.*?)\s*#*$")
_BULLET = re.compile(
    r"(\s*)(?:[*+](?=\s)|-(?!\s*\d{1,3}\s*-)(?=\s)|[•●○■□◆◇▪▫·◦‣⁃∙➢➤►✓✔\uf0b7])(?!\*)\s*(?=\S)"
)
# an empty box before 是 or 否 says that the other one is ticked
_LOOSE_BULLET = re.compile(
    r"(?![□■]\s*(?:是|否|不?适用|yes|no)\b)(?!.*[√☑☒])[•●○■□◆▪▫·◦‣⁃∙➢➤►✓✔]\s*(?=\S)"
)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()\s]|\\[()]|\([^()]*\))*(?:\s+\"[^\"]*\")?\)")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|>~])")
_MARKED = re.compile(r"[\[\\*_]")
_STRONG = re.compile(r"\*{2,}|(?<![A-Za-z0-9_])_(?=\S)|(?<=\S)_(?![A-Za-z0-9_])")
_HAN_GAP = re.compile(r"(?<=[\u4e00-\u9fff，。、；：]) (?=[\u4e00-\u9fff])")
_GAP_CHARS = 30  # from this length on, a blank between two Chinese characters is where a line broke
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")
_GAP = re.compile(r" {3,}")  # between columns; justified text has two
_DOTS = re.compile(r"\.{3,}|(?:\. ){3,}|-{4,}|={4,}")
_LONG_LINE = 40  # characters; a shorter line without a full stop is a line of its own


def is_prose(text: str) -> bool:
    """Whether preformatted text is running text and not code or a drawing."""
    if len(text) < 200 or text.isspace():
        return False
    if not text.isascii() and sum(map(len, _CJK_RUN.findall(text))) > 0.3 * len(text):
        return True
    lines = [line for line in text.split("\n") if line.strip()]
    words = statistics.mean(len(line.split()) for line in lines)
    return words >= 5 and len(text) - len(_SIGN.findall(text)) > 0.85 * len(text)


def prose_blocks(text: str) -> list[RawBlock]:
    """The blocks of preformatted prose; a chunk of columns is a table."""
    blocks: list[RawBlock] = []
    lines: list[str] = []  # of the paragraph that is open

    def close() -> None:
        if lines:
            blocks.append(_paragraph(_joined(lines)))
            lines.clear()

    for chunk in _BLANK_LINES.split(text.expandtabs()):
        columns = _columns(chunk)
        if columns:
            close()
            last = blocks[-1] if blocks else None
            if last is not None and last.kind == "table":
                last.text += "\n" + columns
            else:
                blocks.append(RawBlock("table", columns))
            continue
        for raw in chunk.split("\n"):
            line = raw.rstrip()
            if not line or _is_rule(line):
                close()
                continue
            if lines and not _goes_on(lines[-1], line):
                close()
            lines.append(line)
        close()
    return [block for block in blocks if block.text]


def _is_rule(line: str) -> bool:
    """Whether a line without blanks at its end is drawn across the page."""
    return line[-1] in _RULE_ENDS and bool(_RULE.match(line))


def _columns(chunk: str) -> str | None:
    """The rows of a table that is set with blanks; None for running text."""
    if "   " not in chunk:
        return None
    lines = [line.strip() for line in chunk.split("\n") if line.strip()]
    lines = [line for line in lines if not _is_rule(line)]
    wide = sum(bool(_GAP.search(line)) for line in lines)
    if not lines or wide < 2 or wide < 0.5 * len(lines):
        return None
    if not any(char.isdigit() for line in lines for char in line):
        return None
    return "\n".join(" | ".join(_GAP.split(_DOTS.sub("  ", line))) for line in lines)


def _goes_on(last: str, line: str) -> bool:
    """Whether a line continues the sentence of the one before."""
    if len(last) < _LONG_LINE or line.startswith("|") or _ends_sentence(_plain(last).rstrip()):
        return False
    if _MARK.match(last) or _MARK.match(line) or _BULLET.match(line):
        return False
    return not ENUMERATOR.match(_plain(line).strip())


def _ends_sentence(text: str) -> bool:
    return text[-1:] in _SENTENCE_ENDS


def _joined(lines: Sequence[str]) -> str:
    text = lines[0]
    for line in lines[1:]:
        text = join(text, line)
    return text


def join(left: str, right: str) -> str:
    """Two parts of a sentence; a blank between them unless both sides are Chinese or Japanese."""
    left, right = left.rstrip(), right.lstrip()
    tight = left and right and _CJK_CHAR.match(left[-1]) and _CJK_CHAR.match(right[0])
    return left + right if tight else f"{left} {right}"


def _plain(line: str) -> str:
    """Without links, escapes and the marks of emphasis."""
    if not _MARKED.search(line):
        return line
    if "](" in line:
        line = _LINK.sub(r"\1", line)
    if "\\" in line:
        line = _ESCAPE.sub(r"\1", line)
    return _STRONG.sub("", line) if "**" in line or "_" in line else line


def _paragraph(text: str) -> RawBlock:
    mark = _MARK.match(text)
    if mark:
        return RawBlock("heading", " ".join(_plain(mark[2]).split()), level=len(mark[1]))
    bullet = _BULLET.match(text)
    body = text[bullet.end() :].strip() if bullet else text.strip()
    bold = body.startswith("**") and body.endswith("**")
    body = " ".join(_plain(body).replace("|", " ").split())
    if len(body) >= _GAP_CHARS and " " in body and not body.isascii():
        body = _HAN_GAP.sub("", body)
    if not bullet:
        return RawBlock("paragraph", body, bold=bold)
    number = ENUMERATOR.match(body)
    level = 1 + len(bullet[1].expandtabs(4)) // 4
    return RawBlock(
        "list_item", body, level=level, number=number.group().strip() if number else None, bold=bold
    )


def mended(blocks: list[RawBlock], plain: bool = False) -> list[RawBlock]:
    """Blocks with prose in `<pre>` read, bullets made list items, broken lines joined.

    `plain`: all preformatted text is prose, as in the filings of the 1990s.
    """
    found: list[RawBlock] = []
    for block in blocks:
        if block.kind == "code" and (plain or is_prose(block.text)):
            found += prose_blocks(block.text)
            continue
        bullet = None if block.text[:1].isascii() else _LOOSE_BULLET.match(block.text)
        if bullet and block.kind in ("paragraph", "list_item", "heading"):
            block.text = block.text[bullet.end() :]
            if block.kind == "paragraph":
                block.kind, block.level = "list_item", 1
        found.append(block)
    found = [b for b in found if not b.text or _has_letter(b.text)]
    return _unbroken(found) if _is_broken(found) else found


def _has_letter(text: str) -> bool:
    """Whether there is a letter or a digit; the first character is one mostly."""
    return text[0].isalnum() or any(char.isalnum() for char in text)


def _is_broken(blocks: list[RawBlock]) -> bool:
    """A page whose paragraphs are the lines of a printed page."""
    lengths = sorted(len(b.text) for b in blocks if b.kind in ("paragraph", "list_item"))
    if len(lengths) < 30 or lengths[-len(lengths) // 20] > 140:
        return False
    open_ = sum(not _ends_sentence(b.text) for b in blocks if b.kind in ("paragraph", "list_item"))
    return statistics.median(lengths) >= 60 and open_ >= 0.4 * len(lengths)


def _unbroken(blocks: list[RawBlock]) -> list[RawBlock]:
    lengths = sorted(len(b.text) for b in blocks)
    full = 0.75 * lengths[int(0.9 * len(lengths))]  # a line that reaches about the right margin
    joined: list[RawBlock] = []
    reached = False  # whether the last line did
    for block in blocks:
        last = joined[-1] if joined else None
        goes_on = (
            last is not None
            and block.kind == "paragraph"
            and last.kind in ("paragraph", "list_item")
            and last.bold == block.bold
            and (reached or block.text[0].islower())
            and not _ends_sentence(last.text)
            and not ENUMERATOR.match(block.text)
        )
        reached = len(block.text) >= full
        if goes_on and last is not None:
            last.text = join(last.text, block.text)
        else:
            joined.append(block)
    return joined
