"""Images: which alternative texts say what is to be seen, and the address that is kept."""

from __future__ import annotations

import functools
import re

from datakit.ingestors._style import RawBlock

MAX_REFERENCE = 500  # characters
MIN_WORDS = 3  # fewer are the name of a company or of what a picture decorates
MIN_CJK = 6  # characters, where they are words
MIN_TAGS = 5  # short parts between commas
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_WORD = re.compile(r"[^\W\d_]{2,}")
_NO_REFERENCE = re.compile(r"\s*(?:data|javascript|vbscript|about|blob|cid|file):|\s*#?\s*$", re.I)
_FILE = re.compile(r"\.(?:jpe?g|png|gif|svg|webp|avif|bmp|tiff?|ico|pdf)\b", re.I)
_DECORATION = re.compile(
    r"\b(?:logos?|logotype|icons?|symbol|wordmark|trademark|banner|avatar|badge|button|arrow"
    r"|chevron|spacer|placeholder|signature|favicon|emblem|thumbnail|loading|(?:missing|web(?:form)?"
    r"|stock|hero|header|background|cover|decorative|default|featured) (?:image|photo|picture)"
    r"|image (?:missing|not available)|click (?:here|to)|opens? in|skip to|back to|go to|offline"
    r"|online|illustration of|icône|flèche|pfeil|symbolbild)\b"
    r"|标志|徽标|图标|圖標|头像|箭头|按钮|二维码|暂不可用|加载|点击",
    re.I,
)


@functools.lru_cache(maxsize=4096)
def described(alt: str | None) -> str | None:
    """An alternative text that says what an image shows; None for decoration and file names.

    In 1,457 images of our HTML pages, alternative texts of one or two words name companies, files
    and ornaments and nothing else.
    """
    text = " ".join((alt or "").split())
    if not text or _FILE.search(text) or _DECORATION.search(text) or text.startswith("["):
        return None
    n_words, n_parts = len(_WORD.findall(text)), len(re.split("[,，、|]", text))
    named = "_" in text and " " not in text  # a file
    listed = n_parts >= MIN_TAGS and n_words <= 2 * n_parts  # words for a search
    enough = n_words >= MIN_WORDS or len(_CJK.findall(text)) >= MIN_CJK
    return text if enough and not named and not listed else None


def reference(*addresses: str | None) -> str | None:
    """The first address that leads to a file, as it is written; not the image itself as text."""
    for address in addresses:
        if address and not _NO_REFERENCE.match(address):
            clean = address.strip()
            return clean if len(clean) <= MAX_REFERENCE else None
    return None


def distinct(blocks: list[RawBlock]) -> tuple[list[RawBlock], int]:
    """The blocks without descriptions of images that a block beside them gives, and their count."""
    if not any(block.soft and block.kind == "caption" for block in blocks):
        return blocks, 0
    around = [None, *blocks, None]
    kept: list[RawBlock] = []
    for before, block, after in zip(around, blocks, around[2:], strict=False):
        neighbours = [other for other in (before, after) if other is not None]
        if not (block.soft and block.kind == "caption" and _repeats(block, neighbours)):
            kept.append(block)
    return kept, len(blocks) - len(kept)


def described_image(text: str, address: str | None) -> RawBlock:
    """The block of an image that has no caption but a description."""
    return RawBlock("caption", text, soft=True, reference=address)


def _repeats(block: RawBlock, neighbours: list[RawBlock]) -> bool:
    said = block.text.casefold()
    return any(said in other.text.casefold() for other in neighbours if other is not block)
