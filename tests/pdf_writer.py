"""A small writer of PDF files: pages of placed text in the fonts that every reader has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FONTS = {
    "F": "/Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding",
    "B": "/Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold/Encoding/WinAnsiEncoding",
    "Z": "/Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts["
    "<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo<</Registry(Adobe)"
    "/Ordering(GB1)/Supplement 4>>/FontDescriptor<</Type/FontDescriptor/FontName/STSong-Light"
    "/Flags 4/FontBBox[0 -200 1000 900]/ItalicAngle 0/Ascent 880/Descent -120/CapHeight 880"
    "/StemV 93>>/DW 1000/W[1[500]814 939 500]>>]",
}


@dataclass(frozen=True)
class Text:
    """Text on a page: left edge and baseline in points, from the top left."""

    x: float
    y: float
    text: str
    size: float = 10
    font: str = "F"  # B is bold, Z is Chinese


def lines(x: float, y: float, rows: Sequence[str], leading: float = 12, **kw: object) -> list[Text]:
    """Rows of text below one another."""
    return [Text(x, y + i * leading, row, **kw) for i, row in enumerate(rows)]  # type: ignore[arg-type]


def pdf(pages: Sequence[Sequence[Text]], extra: str = "", rules: str = "") -> bytes:
    """The bytes of a PDF file.

    Args:
        pages: what stands on each; A4-like, 600 by 800 points.
        extra: of the trailer, such as `/Encrypt`.
        rules: further drawing, the same on every page.
    """
    font_ids = {name: 3 + i for i, name in enumerate(FONTS)}
    first = 3 + len(FONTS)
    kids = " ".join(f"{first + 2 * i} 0 R" for i in range(len(pages)))
    objects = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>"]
    objects += [f"<<{font}>>" for font in FONTS.values()]
    fonts = " ".join(f"/{name} {number} 0 R" for name, number in font_ids.items())
    for i, page in enumerate(pages):
        content = rules + "\n".join(_shown(text) for text in page)
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<<{fonts}>>>>"
            f"/Contents {first + 2 * i + 1} 0 R>>"
        )
        objects.append(f"<</Length {len(content)}>>stream\n{content}\nendstream")
    out, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    out += (
        f"xref\n0 {size}\n0000000000 65535 f \n{table}"
        f"trailer<</Size {size}/Root 1 0 R{extra}>>\nstartxref\n{len(out)}\n%%EOF"
    )
    return out.encode("cp1252")


def _shown(text: Text) -> str:
    if text.font == "Z":
        shown = f"<{text.text.encode('utf-16-be').hex()}>"
    else:
        escaped = text.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        shown = f"({escaped})"
    return f"BT /{text.font} {text.size} Tf {text.x} {800 - text.y} Td {shown} Tj ET"
