"""The sample documents: all there, readable, of substance, and enough of them for topic queries."""

from __future__ import annotations

import collections
import csv
import json
import re
from pathlib import Path

import pytest
from lxml import etree, html

from datakit import samples

ROOT = samples.root()
FILES = sorted(p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*") if p.is_file())
TERMS = [f for f in FILES if f.startswith("terms/")]
FILINGS = [f for f in FILES if f.startswith("filings/")]
XML = [f for f in FILES if f.endswith((".xml", ".nxml"))]
ENCODINGS = {
    "terms/Kinowelle/Terms of Service.html": "windows-1252",
    "terms/帆影视频/Terms of Service.html": "gb18030",
}
EFFECTIVE = re.compile(
    r"(?:Effective|effective|In force|in force|Version of|Last updated|生效日期)[^.<]*?(202[34])"
)


def read(name: str) -> str:
    return (ROOT / name).read_bytes().decode(ENCODINGS.get(name, "utf-8"))


def size(text: str) -> int:
    """Words, or for Chinese characters without blanks, of a text without its mark-up."""
    prose = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", text, flags=re.S)
    characters = re.sub(r"\s", "", prose)
    chinese = re.findall(r"[\u4e00-\u9fff]", prose)
    return len(characters) if len(chinese) > len(characters) / 3 else len(prose.split())


def reports() -> list[dict[str, str]]:
    """The ten research reports, whatever their form, with industry and date."""
    found = [
        dict(re.findall(r'^(\w+): "?(.+?)"?$', read(name).split("---\n")[1], re.M))
        | {"content": read(name)}
        for name in FILES
        if name.endswith(".md")
    ]
    lines = read("research_zh/研究报告2024上半年.jsonl").splitlines()
    found += [json.loads(line) for line in lines]
    return [
        {
            "industry": report.get("industry") or report["category"],
            "date": (report.get("date") or report["publishedAt"]).replace("/", "-"),
            "content": report["content"],
        }
        for report in found
    ]


def quarter(date: str) -> str:
    year, month, _ = date.split("-")
    return f"{year}Q{(int(month) + 2) // 3}"


def test_every_file_is_listed_in_the_readme_and_the_other_way_round() -> None:
    readme = (ROOT.parent / "README.md").read_text(encoding="utf-8")

    listed = re.findall(r"^\| `([^`]+)`", readme, re.M)

    assert sorted(listed) == FILES


def test_the_folder_is_small_and_holds_no_code() -> None:
    sizes = [(ROOT / f).stat().st_size for f in FILES]

    assert sum(sizes) < 600_000
    assert not [f for f in FILES if Path(f).suffix in (".py", ".pyc")]


@pytest.mark.parametrize("name", XML + FILINGS)
def test_xml_and_filings_are_well_formed(name: str) -> None:
    root = etree.fromstring((ROOT / name).read_bytes(), etree.XMLParser(no_network=True))

    assert len(root) > 0


@pytest.mark.parametrize("name", TERMS)
def test_a_terms_page_parses_decodes_and_names_its_service(name: str) -> None:
    page = html.document_fromstring(read(name).encode(), parser=html.HTMLParser(encoding="utf-8"))

    assert page.xpath("//meta[translate(@property, 'OGS', 'ogs')='og:site_name']/@content") == [
        Path(name).parent.name
    ]
    assert "\ufffd" not in page.text_content()


@pytest.mark.parametrize("name", [f for f in FILES if f.endswith((".html", ".htm", ".md", *XML))])
def test_a_document_has_substance(name: str) -> None:
    low, high = (900, 2200) if re.search("research_zh|帆影", name) else (500, 1300)

    assert low <= size(read(name)) <= high


def test_every_record_of_the_files_with_several_has_substance() -> None:
    pages = re.findall(r"<content>(.*?)</content>", read("xml/web-zh.dat"), re.S)

    assert len(pages) == 4
    assert min(map(size, pages)) >= 800
    assert all(900 <= size(r["content"]) <= 2200 for r in reports())


def test_the_encodings_are_those_that_the_pages_need() -> None:
    for name in ENCODINGS:
        with pytest.raises(UnicodeDecodeError):
            (ROOT / name).read_bytes().decode("utf-8")


def test_metadata_gives_the_industry_of_each_terms_page_and_one_family() -> None:
    with (ROOT / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}

    families = [row["family_id"] for row in rows.values() if row["family_id"]]

    assert sorted(rows) == TERMS
    assert {r["category"] for r in rows.values()} == {
        "video streaming",
        "cloud storage",
        "payments",
    }
    assert families == ["Orlumo Terms of Service"] * 2


def test_terms_pages_are_dated_in_2023_and_2024() -> None:
    years = {}
    for name in TERMS:
        match = EFFECTIVE.search(re.sub(r"<[^>]+>", " ", read(name)))
        years[name] = match.group(1) if match else None

    assert collections.Counter(years.values()) == {"2024": 9, "2023": 4}


def test_two_versions_of_one_page_differ_in_amounts() -> None:
    new = read("terms/Orlumo/Terms of Service.html").splitlines()
    old = read("terms/Orlumo/Terms of Service 2023-03-01.html").splitlines()

    changed = [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]

    assert 5 <= len(changed) <= 12
    assert any("$9.99" in a and "$11.49" in b for a, b in changed)


def test_two_services_share_one_paragraph_word_for_word() -> None:
    def paragraphs(name: str) -> set[str]:
        return {p for p in re.findall(r"<p>(.*?)</p>", read(name)) if len(p) > 300}

    shared = paragraphs("terms/Driftkeep/Terms of Service.html") & paragraphs(
        "terms/Brindlepay/Terms of Service.html"
    )

    assert len(shared) == 1


def test_each_industry_and_quarter_of_filings_has_two_issuers() -> None:
    cells = collections.defaultdict(set)
    for name in FILINGS:
        text = read(name)
        facts = dict(re.findall(r'name="dei:(\w+)">([^<]+)<', text))
        sic = re.search(r"Standard Industrial Classification: ([^<]+)<", text)
        assert sic is not None
        assert facts["DocumentType"] in ("10-Q", "10-K")
        cells[sic.group(1), facts["DocumentPeriodEndDate"]].add(facts["EntityRegistrantName"])

    assert {period for _, period in cells} == {"March 31, 2024", "June 30, 2024"}
    assert [len(issuers) for issuers in cells.values()] == [2, 2, 2, 2]


def test_each_industry_and_quarter_of_research_has_two_reports() -> None:
    cells = collections.Counter((r["industry"], quarter(r["date"])) for r in reports())

    assert cells == {
        ("新能源汽车", "2024Q1"): 2,
        ("新能源汽车", "2024Q2"): 2,
        ("半导体", "2024Q1"): 2,
        ("半导体", "2024Q2"): 2,
        ("创新药", "2024Q2"): 2,
    }
    assert sum("\n" not in r["content"] for r in reports()) == 2
