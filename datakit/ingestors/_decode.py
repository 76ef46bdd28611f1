"""Bytes to text: what the file is, and in which encoding it is written.

Order: byte order mark; UTF-8 without an error (which no other encoding produces by chance); the
declared encoding; UTF-8 with a few bad bytes; a Chinese encoding by the share of frequent
characters; charset-normalizer; Windows-1252. A wrong declaration therefore does no harm.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from datakit.records import Dropped

MAX_BYTES = 200 << 20  # of one file; a setting of every ingestor
HEAD_BYTES = 8192  # where a declaration is looked for; HTML asks for it in the first 1024
SAMPLE_BYTES = 1 << 18  # from the first non-ASCII byte on, enough to tell encodings apart
BAD_SHARE = 0.002  # undecodable characters per non-ASCII byte that a right guess may have
CHINESE_SHARE = 0.15  # of `_FREQUENT`: 0.3 in Chinese prose, under 0.05 in a wrong guess

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MAGIC = (
    (b"%PDF-", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive or an Office file"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"RIFF", "a sound or image file"),
    (b"\x7fELF", "a program"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"wOFF", "a font"),
    (b"wOF2", "a font"),
)
# https://encoding.spec.whatwg.org/#names-and-labels: the label means the larger set
_SUPERSET = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "hz": "hz",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_DECLARATIONS = (
    re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})", re.I),
    re.compile(rb"<meta[^>]{0,400}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.I),
    re.compile(rb"^\s*@charset\s+[\"']([\w.:-]{1,40})", re.I),
)
# the most frequent characters of modern Chinese, simplified and traditional, and the punctuation
_FREQUENT = frozenset(
    "的一是不了在人有我他这中大来上个国和也地到说时要就出会可你您对生能而子们"
    "為以及或与使用信息公司服务法律本按照其所将行年月日第条款协议个"
    "這來個國說時會對們與資訊務條協議將，。、；：“”（）《》「」"
)
_BLANKS = "\ufeff\x00 \t\r\n\f\v\xa0\u3000"
_NON_ASCII = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The text of a file and how it was read."""

    text: str  # as in the file: line ends and controls are not touched
    encoding: str  # Python's name of the encoding that was used
    declared: str | None  # what the file says, as written
    flags: tuple[str, ...] = ()  # encoding_mismatch, replaced_bytes
    utf8: bytes | None = None  # the file as it is, where that is the text in UTF-8


def read_text(
    path: Path, source_uri: str, *, declared: str | None = None, max_bytes: int = MAX_BYTES
) -> DecodedText | Dropped:
    """The text of a file.

    Args:
        path: the file.
        source_uri: the record id of a `Dropped`.
        declared: an encoding known from outside, such as an HTTP header; without it, the XML
            declaration or the `<meta>` element of the file counts.
        max_bytes: larger files are dropped.

    Returns:
        The text, or `Dropped` with reason `unreadable`, `too_large`, `binary` or `empty`.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            return Dropped(
                source_uri,
                "too_large",
                f"{source_uri}: {size:,} bytes, at most {max_bytes:,} are read. "
                "Split the file or raise max_bytes.",
            )
        data = path.read_bytes()
    except OSError as error:
        return Dropped(
            source_uri,
            "unreadable",
            f"{source_uri}: {error.strerror or error}, expected a readable file. Check its path "
            "and permissions.",
        )
    return decode(data, source_uri, declared=declared)


def decode(data: bytes, source_uri: str, *, declared: str | None = None) -> DecodedText | Dropped:
    """The text of bytes; see `read_text`."""
    kind = binary_kind(data)
    if kind:
        return Dropped(
            source_uri,
            "binary",
            f"{source_uri}: found {kind}, expected text. Convert it or leave it out.",
        )
    label = declared or declared_encoding(data[:HEAD_BYTES])
    text, encoding, replaced = _decoded(data, label)
    # the start tells nearly always, without a copy of the text
    if not (text[:HEAD_BYTES].strip(_BLANKS) or text.strip(_BLANKS)):
        return Dropped(
            source_uri,
            "empty",
            f"{source_uri}: no characters but blanks in {len(data)} bytes, expected text. "
            "Was the download cut off?",
        )
    flags = []
    if label and _codec(label) not in (None, encoding) and not text.isascii():
        flags.append("encoding_mismatch")
    if replaced:
        flags.append("replaced_bytes")
    as_is = encoding == "utf-8" and not replaced and not _bom(data)
    return DecodedText(text, encoding, label, tuple(flags), data if as_is else None)


def binary_kind(data: bytes) -> str | None:
    """What a file that is no text is, in words; None for text."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if _bom(data) or _utf16_without_mark(data):
        return None
    n = min(len(data), 1 << 16)
    # a stray NUL happens in pages; more than one in a thousand bytes does not
    return "NUL bytes" if data.count(0, 0, n) * 1000 > n else None


def declared_encoding(head: bytes) -> str | None:
    """The encoding that an XML declaration, a `<meta>` element or `@charset` names."""
    for pattern in _DECLARATIONS:
        match = pattern.search(head)
        if match:
            return match.group(1).decode("ascii").lower()
    return None


def _decoded(data: bytes, label: str | None) -> tuple[str, str, int]:
    """Text, encoding and number of characters that could not be decoded."""
    marked = _bom(data)
    if marked:
        return _lossy(data[len(marked[0]) :], marked[1])
    wide = _utf16_without_mark(data)
    if wide:
        return _lossy(data, wide)
    codec = _codec(label) if label else None
    if codec and codec.startswith(("iso2022", "hz")):  # escape sequences, all of it ASCII bytes
        return _lossy(data, codec)
    try:
        return data.decode("utf-8"), "utf-8", 0
    except UnicodeDecodeError:
        return _lossy(data, _best_codec(data, codec))


def _best_codec(data: bytes, declared: str | None) -> str:
    """The codec of bytes that are not clean UTF-8."""
    first = _NON_ASCII.search(data)
    sample = data[first.start() :][:SAMPLE_BYTES] if first else data[:SAMPLE_BYTES]
    if _bad_share(sample, "utf-8") <= 10 * BAD_SHARE:
        return "utf-8"
    chinese = {codec: _chinese_share(sample, codec) for codec in ("gb18030", "big5hkscs")}
    best = max(chinese, key=lambda codec: chinese[codec])
    if chinese[best] >= CHINESE_SHARE:
        return best
    if declared and _plausible(sample, declared):
        return declared
    return _guessed(sample) or declared or "cp1252"


def _plausible(sample: bytes, declared: str) -> bool:
    """Whether a declared encoding can be right, Chinese being ruled out."""
    if declared == "utf-8" or _bad_share(sample, declared) > BAD_SHARE:
        return False
    text = _partial(sample, declared)
    if declared in ("gb18030", "big5hkscs"):  # these decode nearly anything
        return sum(not char.isascii() for char in text) < 50
    letters = [char for char in text if char.isalpha()]
    accented = sum(not char.isascii() for char in letters)
    # what a server says by default: true of a Western text, where few letters have accents
    return declared != "cp1252" or accented <= 0.3 * len(letters)


def _guessed(sample: bytes) -> str | None:
    from charset_normalizer import from_bytes

    best = from_bytes(sample[: 1 << 16]).best()
    return _codec(best.encoding) if best else None


def _bad_share(sample: bytes, codec: str) -> float:
    """Undecodable characters per non-ASCII byte of the sample."""
    text = _partial(sample, codec)
    high = len(_NON_ASCII.findall(sample))
    return text.count("\ufffd") / high if high else 0.0


def _chinese_share(sample: bytes, codec: str) -> float:
    """Share of the most frequent characters and punctuation among the non-ASCII ones."""
    text = [char for char in _partial(sample, codec) if not char.isascii()]
    return sum(char in _FREQUENT for char in text) / len(text) if text else 0.0


def _partial(sample: bytes, codec: str) -> str:
    """The sample decoded, a character cut off at its end left out."""
    return codecs.getincrementaldecoder(codec)("replace").decode(sample, final=False)


def _lossy(data: bytes, codec: str) -> tuple[str, str, int]:
    text = data.decode(codec, "replace")
    return text.removeprefix("\ufeff"), codec, text.count("\ufffd")


def _bom(data: bytes) -> tuple[bytes, str] | None:
    return next((pair for pair in _BOMS if data.startswith(pair[0])), None)


def _utf16_without_mark(data: bytes) -> str | None:
    """UTF-16 markup begins with two ASCII characters, each beside a NUL, and decodes cleanly."""
    head = data[:4]
    if len(head) < 4 or len(data) % 2:
        return None
    pattern = "".join("0" if byte == 0 else "x" for byte in head)
    codec = {"x0x0": "utf-16-le", "0x0x": "utf-16-be"}.get(pattern)
    try:
        text = data[:1024].decode(codec) if codec else ""
    except UnicodeDecodeError:
        return None
    return codec if text and text.count("\x00") == 0 else None


def _codec(label: str) -> str | None:
    """Python's codec for a label, the larger set where the Web reads it so; None if unknown."""
    try:
        name = codecs.lookup(label.strip().lower()).name
        b"".decode(name)
    except (LookupError, ValueError):
        return None
    # a file whose declaration could be read byte by byte is not written in two-byte units
    return None if name.startswith(("utf-16", "utf-32", "utf-7")) else _SUPERSET.get(name, name)
