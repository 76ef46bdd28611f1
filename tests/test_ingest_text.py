"""Markdown, plain text, JSON Lines, and reports that lost their lines."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from datakit.ingestors import _industries, _markdown, _report_debris, _research
from datakit.ingestors._hant import simplified
from datakit.ingestors.json_lines import JsonLines
from datakit.ingestors.text import PlainText, clean_name, iso_date, plain_blocks
from datakit.records import Document, Dropped, table_records

DATA = Path(__file__).parent / "data" / "ingest"


def read(path: Path, uri: str | None = None) -> list[Document | Dropped]:
    plugin = JsonLines() if path.suffix.startswith(".json") else PlainText()
    return list(plugin(path, uri or path.name))


def document(path: Path, uri: str | None = None) -> Document:
    (found,) = read(path, uri)
    assert isinstance(found, Document), found
    return found


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def texts(document: Document, *kinds: str) -> list[str]:
    return [document.text[b.start : b.end] for b in document.blocks if b.kind in kinds]


# --- Markdown -------------------------------------------------------------------------------------


def test_front_matter_becomes_metadata() -> None:
    found = document(DATA / "report.md")

    assert (found.title, found.issuer) == ("渡轮行业一季度观察", "海雀研究")
    assert (found.category, found.date, found.language) == ("交通运输", "2024-04-11", "zh")
    assert found.meta["url"] == "https://example.org/r/1"
    assert "publishedAt" not in found.text


def test_marks_of_markdown_are_taken_off_and_the_text_stays() -> None:
    found = document(DATA / "report.md")

    assert texts(found, "heading") == ["一、客流：短途线路恢复更快", "1. 风险"]
    assert texts(found, "paragraph") == [
        "一季度短途线路客流同比增长 12%，长途线路持平。详见附表。",
        "天气可能影响航班准点率。",
    ]
    assert texts(found, "code") == ["客流 = 班次 * 载客"]
    assert texts(found, "table") == ["线路 | 客流（万人）\n东线 | 31\n西线 | 18|19"]


def test_lists_keep_their_numbers_and_levels() -> None:
    found = document(DATA / "report.md")
    items = [(b.level, b.number) for b in found.blocks if b.kind == "list_item"]

    assert items == [(1, "1."), (1, "2."), (2, None), (2, None)]


def test_levels_of_headings_have_no_gaps() -> None:
    found = document(DATA / "report.md")

    assert [b.level for b in found.blocks if b.kind == "heading"] == [1, 2]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("**5\\. Rights** of [you](https://a.b/c_(d) 'x')", "5. Rights of you"),
        ("a_b_c and _so_ on, 2 * 3 * 4", "a_b_c and so on, 2 * 3 * 4"),
        ("see ![logo](a.png) <b>bold</b>&nbsp;`a*b*`", "see bold a*b*"),
        ("<https://a.b/c> ~~old~~ new[^2]", "https://a.b/c old new"),
        ("中文**强调**中文", "中文强调中文"),
        ("line<br>break", "line\nbreak"),
    ],
)
def test_inline_marks(raw: str, text: str) -> None:
    assert _markdown.inline(raw) == text


def test_underlined_and_bold_lines_are_headings() -> None:
    blocks = _markdown.markdown_blocks("Terms\n=====\n\nScope\n-----\n\nText.\n")

    assert [(b.kind, b.level, b.text) for b in blocks] == [
        ("heading", 1, "Terms"), ("heading", 2, "Scope"), ("paragraph", None, "Text."),
    ]  # fmt: skip


def test_html_inside_markdown_is_read_as_html() -> None:
    blocks = _markdown.markdown_blocks("<div><p>One.</p>\n\n<ul><li>Two</li></ul></div>\n\nThree.")

    assert [(b.kind, b.text) for b in blocks] == [
        ("paragraph", "One."), ("list_item", "Two"), ("paragraph", "Three."),
    ]  # fmt: skip


def test_a_policy_in_a_folder_of_a_service_is_the_services(tmp_path: Path) -> None:
    path = written(
        tmp_path, "Privacy Policy.md", "# Notice\n\nLast updated: 3 May 2024\n\nWe keep data.\n"
    )

    found = document(path, "policies/Acornbox/Privacy Policy.md")

    assert (found.issuer, found.doc_type) == ("Acornbox", "privacy")
    assert (found.title, found.date) == ("Privacy Policy", "2024-05-03")


@pytest.mark.parametrize("unit", ["[", "[a](", "_a ", "> ", "- ", "a: b\n", "<div>\n", "`a", "a\n"])
def test_hostile_markdown_takes_time_in_proportion(unit: str) -> None:
    start = time.process_time()
    _markdown.front_matter("---\n" + unit * 40_000)
    _markdown.markdown_blocks(unit * 40_000)

    assert time.process_time() - start < 2


# --- plain text -----------------------------------------------------------------------------------


def test_lines_broken_at_a_margin_are_joined() -> None:
    found = document(DATA / "notes.txt")

    assert texts(found, "heading") == ["1. Scope", "2. Engine"]
    assert texts(found, "list_item") == ["Oil filter", "Spare belts"]
    assert all("\n" not in text for text in texts(found, "paragraph"))
    assert found.title == "notes"


def test_a_text_without_line_ends_is_cut_where_sentences_end() -> None:
    text = "今年客流继续恢复，票价保持平稳。" * 400

    blocks = plain_blocks(text, "zh")

    assert "".join(b.text for b in blocks) == text
    assert {b.text.count("。") for b in blocks} == {5}


@pytest.mark.parametrize("bullet", ["◆", "■", "\uf06c", "\uf0d8"])
def test_bullets_in_running_text_start_a_block(bullet: str) -> None:
    text = f"核心观点{bullet}需求回暖：出货增长。{bullet}价格上涨：供给收缩。"

    blocks = plain_blocks(text, "zh")

    assert [b.kind for b in blocks] == ["paragraph", "list_item", "list_item"]
    assert blocks[1].text == "需求回暖：出货增长。"


def test_captions_and_sources_are_no_paragraphs() -> None:
    blocks = plain_blocks("图表 3：价格走势\n资料来源：公开资料整理\n价格在三月份上涨。", "zh")

    assert [b.kind for b in blocks] == ["caption", "footnote", "paragraph"]


def test_a_line_with_a_few_latin_capitals_is_no_heading() -> None:
    blocks = plain_blocks("指标算法：占比=增加值/GDP\n\n电子产业与GDP相关。它增长很快。", "zh")

    assert [b.kind for b in blocks] == ["paragraph", "paragraph"]


def test_names_and_dates_are_cleaned() -> None:
    assert clean_name("a/电子行业周报：面板涨价.pdf.json") == "电子行业周报：面板涨价"
    assert clean_name("a/b_c.tar.md#7") == "b c.tar"
    assert [iso_date(d) for d in ("20240311", "2024-03-11T09:00:00Z", "2024", "soon")] == [
        "2024-03-11", "2024-03-11", "2024", None,
    ]  # fmt: skip


# --- JSON -----------------------------------------------------------------------------------------


def test_each_object_of_a_file_is_a_document_or_says_why_not() -> None:
    first, untold, broken, last = read(DATA / "rows.jsonl")

    assert isinstance(first, Document)
    assert isinstance(last, Document)
    assert (first.source_uri, first.title) == ("rows.jsonl#a1", "Tide tables")
    assert (first.issuer, first.date) == ("Harbour Office", "2024-03-11")
    assert texts(last, "heading") == ["Mooring", "Knots"]
    assert [d.reason for d in (untold, broken) if isinstance(d, Dropped)] == ["no_text", "bad_json"]


def test_a_list_of_titles_is_no_document(tmp_path: Path) -> None:
    rows = [{"title": f"t{i}", "org_name": "b", "publish_date": "2024-07-01"} for i in range(3)]

    found = read(written(tmp_path, "titles.json", json.dumps(rows)))

    assert {d.reason for d in found if isinstance(d, Dropped)} == {"no_text"}
    assert len(found) == 3


def test_other_fields_are_a_setting(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"beschreibung": "Der Kahn liegt am Steg und wartet."}')

    (found,) = JsonLines(text=("beschreibung",))(path, "a.jsonl")

    assert isinstance(found, Document)
    assert found.language == "de"


@pytest.mark.parametrize("raw", ["[" * 100_000, "{", '{"text": NaN', "nonsense"])
def test_broken_json_is_one_dropped(tmp_path: Path, raw: str) -> None:
    (found,) = read(written(tmp_path, "a.json", raw))

    assert isinstance(found, Dropped)
    assert found.reason == "bad_json"


def test_rows_of_one_report_are_one_document(tmp_path: Path) -> None:
    rows = [
        {"page": 1, "type": "页眉", "inside": "某某公司年度报告"},
        {"page": 1, "type": "text", "inside": "一、公司信息"},
        {"page": 1, "type": "text", "inside": "本公司从事渡轮运营，拥有十二条航线。"},
        {"page": 1, "type": "excel", "inside": "['股票简称', '', '渡轮股份']"},
        {"page": 1, "type": "页脚", "inside": "1"},
    ]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    name = "2024-04-02__渡轮股份有限公司__600000__渡轮股份__2023年__年度报告.txt"
    path = written(tmp_path, name, lines)

    (found,) = JsonLines()(path, f"reports/{name}")

    assert isinstance(found, Document)
    assert found.text == (
        "一、公司信息\n\n本公司从事渡轮运营，拥有十二条航线。\n\n股票简称 | 渡轮股份"
    )
    assert (found.issuer, found.date) == ("渡轮股份有限公司", "2024-04-02")
    assert found.doc_type == "annual_report"


# --- Chinese research reports ---------------------------------------------------------------------


def test_a_report_in_one_line_gives_broker_industry_and_date() -> None:
    found = document(DATA / "report.json", "reports/dianzi/面板涨价跟踪.pdf.json")

    assert (found.title, found.doc_type) == ("面板涨价跟踪", "research_report")
    assert (found.issuer, found.category) == ("华金证券", "电子")
    assert found.date == "2024-03-05"


def test_a_report_gets_its_headings_back_from_its_table_of_contents() -> None:
    found = document(DATA / "report.json")

    assert [s.path for s in found.sections] == [
        ("一、需求回暖，库存正常",),
        ("一、需求回暖，库存正常", "（一）出货恢复"),
        ("二、供给收缩，价格上涨",),
    ]
    assert "......" not in found.text


def test_running_lines_and_disclaimer_are_left_out_and_counted() -> None:
    found = document(DATA / "report.json")

    assert "免责" not in found.text
    assert "http" not in found.text
    assert [part.split(":")[0] for part in found.meta["left_out"].split("; ")] == [
        "running lines", "disclaimer", "table of contents",
    ]  # fmt: skip
    assert texts(found, "caption") == ["图1：面板价格走势"]


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("本周（2021年3月22日-3月28日）上涨。证券分析师王某2021年03月29日", "2021-03-29"),
        ("相关研究《一》2021-03-07报告日期：2021-03-21", "2021-03-21"),
        ("截至2021年1月29日，涨幅居前。", None),
    ],
)
def test_the_date_of_a_report_stands_alone(text: str, date: str | None) -> None:
    assert _research.report_date(text) == date


def test_the_industry_comes_from_the_title_first() -> None:
    assert _research.industry("医药行业周报", "半导体" * 50) == "医药生物"
    assert _research.industry("周报", "今天天气不错。") is None


@pytest.mark.parametrize(
    ("title", "industry"),
    [
        ("煤炭行业2026年中期投资策略", "煤炭"),
        ("计算机行业周报：功率半导体涨价", "计算机"),
        ("临床CRO，优中选优的黄金赛道", "医药生物"),
        ("有色钢铁行业周观点", "有色金属"),
        ("低空经济周报：eVTOL首飞", "国防军工"),
        ("散文一则", None),
    ],
)
def test_a_title_names_its_industry(title: str, industry: str | None) -> None:
    assert _industries.industry(title, "") == industry


def test_a_title_that_the_text_never_takes_up_is_a_figure_of_speech() -> None:
    text = "机器人需要数据。人形机器人的减速器与丝杠由机械企业供应。" * 60

    assert _industries.industry("AI时代的石油", text) == "机械设备"
    assert _industries.industry("煤炭行业观察", text) == "煤炭"


@pytest.mark.parametrize(
    "front", ["证券研究报告|电子", "行业分类：电子行业", "＃industryId＃电子", "[Table_Title2]电子"]
)
def test_the_label_on_the_front_counts_before_a_product_in_the_title(front: str) -> None:
    front = front.replace("证券研究报告|电子", "电子|证券研究报告")

    assert _industries.industry("5G手机出货回暖", f"{front} 出货回暖。") == "电子"


def test_a_listed_company_is_in_the_industry_that_it_was_assigned() -> None:
    text = "根据上市公司行业分类，公司属于医药制造业（C27）。"

    assert _industries.division_industry(text) == "医药生物"
    assert _industries.division_industry("产品型号为C27。") is None


def test_a_title_loses_its_day_and_a_source_that_is_no_house(tmp_path: Path) -> None:
    path = written(
        tmp_path, "7.md",
        "---\ntitle: 2025.6.30煤炭行业周报\nsource: 历史公开研报\ncategory: 行业分析\n---\n\n"
        "煤价持平。\n",
    )  # fmt: skip

    found = document(path)

    assert (found.title, found.date, found.issuer) == ("煤炭行业周报", "2025-06-30", None)
    assert found.meta["title_as_given"] == "2025.6.30煤炭行业周报"
    assert (found.meta["source"], found.meta["genre"]) == ("历史公开研报", "行业分析")


@pytest.mark.parametrize(
    ("title", "bare"),
    [
        ("2025.8.3 7月会议点评", "7月会议点评"),
        ("20250803煤炭行业周报", "煤炭行业周报"),
        ("A股：缩量（2025.5.26）", "A股：缩量"),
        ("2019-2020年渡轮行业报告", "2019-2020年渡轮行业报告"),
        ("2021年12月报", "2021年12月报"),
        ("2024年年度策略", "2024年年度策略"),
    ],
)
def test_only_a_day_is_taken_off_a_title(title: str, bare: str) -> None:
    fields = {"title": title, "meta": {}, "category": None}

    _research.refine(fields, "煤价持平。", "a")

    assert fields["title"] == bare


@pytest.mark.parametrize(
    ("front", "rating"),
    [
        ("行业评级：推荐", "推荐"),
        ("电子 强于大市（维持）", "强于大市"),
        ("推荐维持评级", "推荐"),
        ("我们推荐关注龙头。", None),
    ],
)
def test_the_rating_on_the_front(front: str, rating: str | None) -> None:
    assert _research.rating(front) == rating


def test_a_share_is_named_by_its_title_or_a_label() -> None:
    assert _research.stock_code("渡轮股份（600000.SH）点评", "") == "600000"
    assert _research.stock_code("周报", "股票代码：300001 渡轮") == "300001"
    assert _research.stock_code("周报", "推荐渡轮（600000）。") is None


def test_a_house_that_is_on_no_list_signs_all_the_same() -> None:
    text = "海雀证券研究所。资料来源：海雀证券研究所。本公司具备证券投资咨询业务资格。"

    assert _research.issuer(text) == "海雀证券"


def test_a_report_without_a_day_has_none_rather_than_one_of_its_story(tmp_path: Path) -> None:
    path = written(
        tmp_path, "医疗行业研究报告.txt", "2017年9月，办法发布。本次研究于2019年1月完成。"
    )

    assert document(path).date == "2019-01"


def test_a_text_file_without_line_ends_is_taken_apart_like_a_field(tmp_path: Path) -> None:
    body = json.loads((DATA / "report.json").read_text(encoding="utf-8"))["source_content"]

    found = document(written(tmp_path, "面板涨价跟踪.txt", body))

    assert (found.issuer, found.category, found.date) == ("华金证券", "电子", "2024-03-05")
    assert "disclaimer" in found.meta["left_out"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16", "big5hkscs"])
def test_a_report_reads_the_same_in_traditional_characters(tmp_path: Path, encoding: str) -> None:
    body = (
        "請務必閱讀正文之後的免責聲明。行業評級：推薦。報告日期：2024年03月05日。"
        "國泰君安證券研究所證券分析師王某。電子行業的面板價格上漲，需求回暖，供給收縮。" * 3
    )
    path = tmp_path / "面板.txt"
    path.write_bytes(body.encode(encoding))

    found = document(path)

    assert (found.issuer, found.category, found.date) == ("国泰君安", "电子", "2024-03-05")
    assert (found.language, found.meta["rating"]) == ("zh", "推荐")
    assert "價格上漲" in found.text


def test_simplified_keeps_every_offset() -> None:
    assert simplified("國信證券：電子 A") == "国信证券：电子 A"


# --- what charts and tables leave behind ----------------------------------------------------------


@pytest.mark.parametrize(
    "axis",
    [
        "0%20%40%60%80%100%2018/12019/12020/1",
        "05001,0001,5002,0002,5003,0003,500",
        "Jan-18Mar-18May-18Jul-18Sep-18Nov-18",
        "20152016201720182019",
        "2850290029503000305031003150",
    ],
)
def test_ticks_of_an_axis_are_found_with_their_legend(axis: str) -> None:
    text = f"出货量增长。客流（万人）{axis}同比增速"

    (span,) = _report_debris.axis_spans(text)

    assert text[slice(*span)] == f"客流（万人）{axis}同比增速"


@pytest.mark.parametrize(
    "sentence",
    [
        "预计EPS分别为1.20/1.40/1.60/1.80/2.00元，维持评级。",
        "2019年、2020年、2021年营收分别为12.1亿元、14.5亿元、17.9亿元。",
        "300679.SZ渡轮股份1,860.924.7%190.036.2%783.032.1%104.5154.5%",
        "电话010-69004649，邮编100088。",
    ],
)
def test_figures_of_a_sentence_or_a_row_are_no_axis(sentence: str) -> None:
    assert _report_debris.axis_spans(sentence) == []


def test_the_year_behind_an_axis_belongs_to_its_sentence() -> None:
    text = "0%20%40%60%80%100%2020年Q1受天气影响，客流下降。"

    ((start, end),) = _report_debris.axis_spans(text)

    assert text[end:].startswith("2020年Q1受")
    assert start == 0


def test_rows_of_a_table_are_set_apart_from_the_sentence_before() -> None:
    rows = "代码简称价格20EPS21EPS600276渡轮111.461.291.722.1886.4064.80600963航空26.561.802.102.50"
    blocks = plain_blocks(
        "\n".join(_report_debris.with_marked_rows([f"客流在三月恢复。{rows}"])), "zh"
    )

    assert [(b.kind, b.text) for b in blocks] == [
        ("paragraph", "客流在三月恢复。"), ("table", rows),
    ]  # fmt: skip


def test_notices_and_contacts_are_left_out_where_they_stand_once() -> None:
    text = (
        "请务必阅读正文之后的免责条款部分电子行业景气上行。"
        "分析师：王某执业证书编号：S0010520110001邮箱：wang@example.cn需求回暖。"
        + "客流恢复。"
        * 300
    )

    cleaned = _research.clean(text)

    assert "免责" not in cleaned.text
    assert "S0010520110001" not in cleaned.text
    assert "需求回暖" in cleaned.text
    assert {"notices", "contacts of the authors"} <= cleaned.left_out.keys()


def test_what_follows_a_disclaimer_stays() -> None:
    clause = "本报告仅供本公司客户使用，不构成投资建议。未经许可不得转载，本公司不承担任何责任。"
    text = "客流恢复。" * 2_000 + "免责声明" + clause * 3 + "附录一：航线的客流按月统计。" * 900

    cleaned = _research.clean(text)

    assert "不构成" not in cleaned.text
    assert cleaned.text.count("附录一") == 900


def test_a_phrase_that_sentences_share_is_no_running_line() -> None:
    sentence = "同比增长{n}%。2020Q3，板块营收和归母净利润分别同比增长{m}%和{k}%，增速回升。"
    text = "".join(sentence.format(n=i, m=i + 1, k=i + 2) + "航线恢复。" * 90 for i in range(9))

    assert _research.clean(text).left_out == {}


def test_a_row_that_a_page_cut_goes_on(tmp_path: Path) -> None:
    first = "公司主要通过参与航运集团、港口集团、地方政府或者其他下属的"
    rows = [
        {"page": 1, "type": "text", "inside": first + "有关"},
        {"page": 1, "type": "页脚", "inside": "1"},
        {"page": 2, "type": "text", "inside": "机构等客户招标的方式进行销售。"},
    ]
    path = written(tmp_path, "a.jsonl", "\n".join(json.dumps(r) for r in rows))

    assert document(path).text == first + "有关机构等客户招标的方式进行销售。"


def test_real_reports_know_who_wrote_them_when_and_on_what(shared_data: Path) -> None:
    folder = shared_data / "fin" / "zh-yanbao-json"
    files = sorted(folder.rglob("*.json"))[::6]
    found = [document(path, path.name) for path in files]

    told = [d for d in found if d.issuer and d.date and d.category]
    assert len(told) >= 0.85 * len(files)
    assert sum(len(d.sections) >= 5 for d in found) >= 0.6 * len(files)
    assert not any("请务必阅读正文之后的免责条款部分" in d.text[2_000:] for d in found)


def test_real_policies_in_markdown_are_read(shared_data: Path) -> None:
    folder = shared_data / "tos" / "ota-contrib-versions"
    files = sorted(folder.rglob("*.md"))[::8]

    for path in files:
        found = document(path, str(path.relative_to(folder.parent)))
        assert found.issuer == path.parent.name
        assert "](http" not in found.text[:3_000]


# --- whose file is it -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "head", "text", "lines"),
    [
        ("a.md", b"# A", 50, 0),
        ("a.txt", b"A text.", 30, 0),
        ("NOTICE", b"A text.", 10, 0),
        ("a.txt", b'{"text": "A"}\n', 30, 35),
        ("a.jsonl", b'{"text": "A"}\n', 0, 60),
        ("a.json", b"[]", 0, 50),
        ("a.pdf", b"%PDF-1.7", 0, 0),
        ("tool", b"\x7fELF\x00\x00", 0, 0),
    ],
)
def test_text_and_json_are_recognised(name: str, head: bytes, text: int, lines: int) -> None:
    assert PlainText().matches(name, head) == text
    assert JsonLines().matches(name, head) == lines


# --- tables as cells, images ----------------------------------------------------------------------


def test_the_first_row_of_a_table_names_its_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "a.md", "| Boat | Crew |\n| --- | --- |\n| Gig | 6 |\n| Punt | |\n")

    (found,) = PlainText(table_cells=True)(path, "a.md")

    assert isinstance(found, Document)
    assert found.blocks[0].cells == (("Boat", "Crew"), ("Gig", "6"), ("Punt", ""))
    assert table_records(found.blocks[0])[0] == {"Boat": "Gig", "Crew": "6"}
    assert document(path).blocks[0].cells == ()


def test_a_record_with_html_gives_cells(tmp_path: Path) -> None:
    html = "<table><tr><th>Boat<th>Crew<tr><td>Gig<td>6<tr><td>Punt<td>1</table>"
    path = written(tmp_path, "a.jsonl", json.dumps({"text": html}))

    (found,) = JsonLines(table_cells=True)(path, "a.jsonl")

    assert isinstance(found, Document)
    assert found.blocks[0].cells == (("Boat", "Crew"), ("Gig", "6"), ("Punt", "1"))


def test_an_image_keeps_its_title_or_description_and_its_address(tmp_path: Path) -> None:
    markup = (
        'The quay is open.\n\n![](a.png "Fig. 1: the quay")\n\n'
        "See ![a map of the quay](b(1).png) first.\n\n![logo](c.png)\n\n[![a map of it](d)](e)\n"
        '\nOr <img src="f.png" alt="a view of the quay"> this.\n'
    )

    found = document(written(tmp_path, "a.md", markup))

    captions = [block for block in found.blocks if block.kind == "caption"]
    assert texts(found, "paragraph") == ["The quay is open.", "See first.", "Or this."]
    assert texts(found, "caption") == [
        "Fig. 1: the quay", "a map of the quay", "a view of the quay",
    ]  # fmt: skip
    assert [caption.reference for caption in captions] == ["a.png", "b(1).png", "f.png"]
    assert found.meta["left_out"] == "image 2"
