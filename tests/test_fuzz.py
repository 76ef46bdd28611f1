"""Ingestors on input that nobody meant: mutations of small documents, and what fuzzing has found.

No crash, no empty document, no block outside its text, no input that takes more than its share of
time. Longer runs, guided by coverage: `tests/bench/fuzz_ingest.py`.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datakit.ingestors._wikitext import wiki_blocks
from datakit.ingestors._xml_text import Cleaner
from datakit.records import Document
from datakit.registry import make

SEEDS = {
    "xml": (
        b"<article><front><article-meta><title-group><article-title>A title</article-title>"
        b"</title-group></article-meta></front><body><sec><label>1</label><title>One</title><p>A "
        b"sentence of more than eight words stands in here.<fn><p>n</p></fn></p><table><tr><td>a"
        b"</td></tr></table><list list-type='order'><list-item><p>x</p></list-item></list></sec>"
        b"</body></article>",
        b"<!DOCTYPE a [<!ENTITY b '<c>&d;'>]><mediawiki><page><title>A</title><ns>0</ns><id>1</id>"
        b"<revision><text>{{a|{{b}}}} [[c|d]]\n== H ==\n{|\n! e\n|-\n| f || g\n|}\n* h</text>"
        b"</revision></page></mediawiki>",
        b"<doc>\n<url>http://a.example/1</url>\n<docno>1</docno>\n<contenttitle>t</contenttitle>\n"
        b"<content>some text & more <b>of it</content>\n</doc>",
        b"<?xml version='1.0' encoding='gbk'?><log><entry a='1'><h:title xmlns:h='x'>T</h:title>"
        b"<![CDATA[ <x> ]]>A sentence of more than eight words stands in here.</entry></log>",
    ),
    "terms_html": (
        b"<html><head><title>Terms</title></head><body><nav><a href='/'>Home</a></nav><main><h1>"
        b"Terms</h1><p>1.1 You agree to these terms of use.</p><ol><li>One<ol><li>Two</ol></ol>"
        b"<table><tr><th>a<td>b</table><dl><dt>c<dd>d</dl></main></body></html>",
    ),
    "filing_html": (
        b"<html><body><div style='font-weight:bold'>Item 1. Business</div><p>We sell boats.</p>"
        b"<ix:header><ix:hidden>x</ix:hidden></ix:header><table><tr><td>1</td></tr></table></body>",
    ),
    "text": (
        "# A\n\n1. one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2\n\n第一条 总则\n（一）说。".encode(),
    ),
    "json_lines": (b'{"title": "A", "text": "One. Two."}\n[1, {"content": "\\u00e9"}]\n',),
}
SUFFIX = {"text": "txt", "json_lines": "jsonl", "xml": "xml"}
TOKENS = st.sampled_from(
    [b"<", b">", b"</", b"&", b"&#", b";", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?", b"\x00",
     b"\xff\xfe", b"{{", b"}}", b"[[", b"{|", b"|}", b"=" * 70, b"'" * 9, b"<a>" * 40, b"</a>" * 40,
     b"[", b"{", b'"', b"\\u", b"\n" * 9, b" " * 99, b"<p>" * 99, b"(" * 99, b"1." * 99, b"%s"]
)  # fmt: skip


@st.composite
def documents(draw: st.DrawFn, name: str) -> bytes:
    """A small document of an ingestor with pieces cut out, doubled, swapped and put in."""
    data = draw(st.sampled_from(SEEDS[name]))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        piece = draw(TOKENS | st.binary(max_size=4) | st.just(data[start:end] * 2) | st.just(b""))
        data = data[:start] + piece + data[end:]
    return data


def check(name: str, data: bytes, folder: Path) -> None:
    path = folder / f"a.{SUFFIX.get(name, 'html')}"
    path.write_bytes(data)
    start = time.process_time()
    for record in make("ingestors", name)(path, path.name):
        if isinstance(record, Document):
            assert record.text.strip()
            ends = [0, *(block.end for block in record.blocks)]
            for block, last in zip(record.blocks, ends, strict=False):
                assert last <= block.start < block.end <= len(record.text)
        else:
            assert record.reason
            assert record.detail
    assert time.process_time() - start < 2


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_no_mutation_breaks_an_ingestor(name: str, tmp_path: Path) -> None:
    @settings(
        max_examples=150, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(documents(name))
    def mutations(data: bytes) -> None:
        check(name, data, tmp_path)

    mutations()


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.text(st.sampled_from("<>&;#x1a!-[]?'\"D %\ud7ff"), max_size=60), st.integers(1, 9))
def test_cleaned_text_is_the_same_in_any_pieces(text: str, size: int) -> None:
    def cleaned(step: int) -> str:
        cleaner = Cleaner()
        parts = [cleaner.feed(text[i : i + step]) for i in range(0, len(text), step)]
        return "".join(parts) + cleaner.close()

    assert cleaned(size) == cleaned(max(1, len(text)))


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.text(st.sampled_from("{}[]|=*#:;!-'<>\nab "), max_size=200))
def test_any_wikitext_has_blocks_with_text(text: str) -> None:
    assert all(block.text.strip() for block in wiki_blocks(text))


FOUND = {  # by atheris, made small
    "a tag in a record that is cut off in its name": b"<mediawiki><page>x<e </page></mediawiki>",
    "a tag name that no tree may have": b"<mediawiki><page><t81:2:3>x</t81:2:3></page></mediawiki>",
    "a name with two colons in metadata": b"<TEI><teiHeader><a:b:c d:e:f='g'/></teiHeader></TEI>",
    "a bracket in the host of an address": b"<doc>\n<url>http://[a/</url>\n<docno>1</docno>\n"
    b"<content>some words</content></doc>",
}


@pytest.mark.parametrize("case", sorted(FOUND))
def test_what_fuzzing_found_stays_mended(case: str, tmp_path: Path) -> None:
    check("xml", FOUND[case], tmp_path)


def test_a_record_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(
        b"<mediawiki><page><title>A</title><ns>0</ns><id>1</id><revision><text>Some words stand"
    )

    (found,) = make("ingestors", "xml")(path, "a.xml")

    assert isinstance(found, Document)
    assert found.text.endswith("Some words stand")
