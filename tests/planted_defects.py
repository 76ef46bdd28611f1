"""One planted defect of known size at a time, for the tests of audits."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from planted import Tables, word

from datakit.records import (
    Dropped,
    Evidence,
    Judgement,
    Passage,
    Qrel,
    Query,
)

Plant = Callable[[Tables], int]
PLANTS: dict[tuple[str, str, str], Plant] = {}  # check, part, measure -> what plants it
SETTINGS: dict[str, dict[str, Any]] = {}  # of the checks that need some


def plants(
    check_id: str, part: str, measure: str = "", **settings: Any
) -> Callable[[Plant], Plant]:
    def keep(function: Plant) -> Plant:
        PLANTS[check_id, part, measure] = function
        if settings:
            SETTINGS[check_id] = settings
        return function

    return keep


def of(tables: Tables, *splits: str) -> list[Query]:
    return [q for q in tables["query"] if q.split in splits]


def rewrite(tables: Tables, table: str, change: dict[str, dict[str, Any]]) -> None:
    """Replace fields of some passages or queries by id."""
    name = f"{table}_id"
    tables[table] = [
        replace(r, **change[getattr(r, name)]) if getattr(r, name) in change else r
        for r in tables[table]
    ]


def new_texts(tables: Tables, table: str, texts: dict[str, str]) -> int:
    rewrite(tables, table, {name: {"text": text} for name, text in texts.items()})
    return len(texts)


@plants("DK002", "corpus", "swallowed rows")
def swallowed_rows(tables: Tables) -> int:
    """As a reader with quoting on makes them of T2Ranking: three rows become one text."""
    ids = {p.passage_id: str(i) for i, p in enumerate(tables["passage"])}
    rows = [replace(p, passage_id=ids[p.passage_id]) for p in tables["passage"]]
    for i in (20, 50):
        merged = "\n".join(f"{rows[k].passage_id}\t{rows[k].text}" for k in (i + 1, i + 2))
        rows[i] = replace(rows[i], text=f'"{rows[i].text}\n{merged}')
    gone = {21, 22, 51, 52}
    tables["passage"] = [r for k, r in enumerate(rows) if k not in gone]
    tables["qrel/mined"] = []
    return 2


@plants("DK002", "corpus", "unreadable rows")
def unreadable_rows(tables: Tables) -> int:
    tables["dropped/import"] = [Dropped(f"corpus.jsonl:{i}", "bad_json", "…") for i in range(4)]
    return 4


@plants("DK003", "corpus", "passage")
def repeated_passage_ids(tables: Tables) -> int:
    tables["passage"] += tables["passage"][:3]
    return 3


@plants("DK003", "corpus", "query")
def repeated_query_ids(tables: Tables) -> int:
    tables["query"] += [tables["query"][0]] * 2
    return 2


@plants("DK004", "test")
def dangling(tables: Tables) -> int:
    q = of(tables, "test")[0]
    tables["qrel/mined"] += [
        Qrel(q.query_id, "nowhere", 2, "human"),
        Qrel("nobody", tables["passage"][0].passage_id, 1, "human"),
    ]
    return 2


@plants("DK005", "train", "same grade")
def same_pair(tables: Tables) -> int:
    mine = [r for r in tables["qrel/mined"] if r.split == "train"][:4]
    tables["qrel/mined"] += mine
    return 4


@plants("DK005", "test", "other grade")
def other_grade(tables: Tables) -> int:
    mine = [r for r in tables["qrel/mined"] if r.split == "test" and r.grade == 3][:3]
    tables["qrel/mined"] += [replace(r, grade=0) for r in mine]
    return 3


@plants("DK006", "test")
def no_positive(tables: Tables) -> int:
    names = {q.query_id for q in of(tables, "dev", "test")[:5]}
    tables["qrel/mined"] = [
        r for r in tables["qrel/mined"] if r.query_id not in names or r.grade < 2
    ]
    return 5


@plants("DK007", "corpus", "ids")
def unsafe_ids(tables: Tables) -> int:
    for i in (3, 7):
        tables["passage"][i] = replace(tables["passage"][i], passage_id=f'p "{i}"')
    return 2


@plants("DK007", "test", "grades")
def off_scale(tables: Tables) -> int:
    """As Cranfield's codes -1 and 5."""
    mine = [i for i, r in enumerate(tables["qrel/mined"]) if r.split == "test"][:6]
    for k, i in enumerate(mine):
        tables["qrel/mined"][i] = replace(tables["qrel/mined"][i], grade=-1 if k % 2 else 5)
    return 6


@plants("DK008", "corpus", "passages")
def wrong_offsets(tables: Tables) -> int:
    for i in (2, 9, 30):
        p = tables["passage"][i]
        tables["passage"][i] = replace(p, start=p.start + 1, end=p.end + 1)
    return 3


@plants("DK008", "corpus", "evidence")
def wrong_evidence(tables: Tables) -> int:
    spans = {q.query_id: {"evidence": (Evidence("d0000", 10**6, 10**6 + 5),)}
             for q in tables["query"][:2]}  # fmt: skip
    rewrite(tables, "query", spans)
    return 2


@plants("DK009", "corpus", "empty")
def empty_passages(tables: Tables) -> int:
    return new_texts(tables, "passage", {p.passage_id: "" for p in tables["passage"][4:6]})


@plants("DK009", "test", "short or long")
def short_queries(tables: Tables) -> int:
    return new_texts(tables, "query", {q.query_id: "a b" for q in of(tables, "test", "dev")[:5]})


@plants("DK010", "corpus")
def broken_characters(tables: Tables) -> int:
    """One of each kind."""
    spoilt = [
        "na\ufffdve", "a\x07bell", "\ue001 private", "⼈⼝ radicals", "zero\u200bwidth",
        "cafÃ© au lait", "ÖÐ¹úÈËÃñ", "锟斤拷锟斤拷",
        "国家发展这时为们 國家發展這時為們",
    ]  # fmt: skip
    texts = {
        p.passage_id: f"{p.text} {extra}"
        for p, extra in zip(tables["passage"][::3], spoilt, strict=False)
    }
    return new_texts(tables, "passage", texts)


@plants("DK010", "test")
def replaced_in_queries(tables: Tables) -> int:
    """As 58 of 1,000 queries of Multi-CPR's video part have."""
    mine = of(tables, "dev", "test")[:3]
    return new_texts(tables, "query", {q.query_id: q.text + "\ufffd" for q in mine})


@plants("DK101", "corpus")
def exact_copies(tables: Tables) -> int:
    return _copies(tables, 12, lambda text: f"  {text.upper()} !")


@plants("DK102", "corpus")
def near_copies(tables: Tables) -> int:
    return _copies(tables, 12, lambda text: text + " zz")


@plants("DK105", "corpus")
def variants(tables: Tables) -> int:
    """A quarter of the corpus and more with other numbers."""
    n = len(tables["passage"])
    mine = tables["passage"][: n // 3]
    # the passage that they vary gets a number too: a number set against none is a variant as well
    _copies(tables, len(mine), lambda text: text + " 2024")
    return n // 3


def _copies(tables: Tables, n: int, change: Callable[[str], str]) -> int:
    for i, p in enumerate(tables["passage"][:n]):
        tables["passage"].append(replace(p, passage_id=f"copy{i}", text=change(p.text)))
    return n


@plants("DK103", "test")
def unjudged_copies(tables: Tables) -> int:
    mine = {r.passage_id for r in tables["qrel/mined"] if r.split == "test" and r.grade >= 2}
    first = sorted(mine)[:4]
    for i, p in enumerate([p for p in tables["passage"] if p.passage_id in first]):
        tables["passage"].append(replace(p, passage_id=f"copy{i}"))
    return sum(
        r.passage_id in first and r.grade >= 2 and r.split in ("dev", "test")
        for r in tables["qrel/mined"]
    )


@plants("DK104", "test")
def repeated_queries(tables: Tables) -> int:
    mine = of(tables, "test", "dev")
    texts = {mine[i + 1].query_id: mine[i].text.upper() + "?" for i in (0, 10)}
    return new_texts(tables, "query", texts)


@plants("DK201", "test")
def dev_in_train(tables: Tables) -> int:
    """As 10 of 1,000 dev queries of Multi-CPR's video part."""
    train, dev = of(tables, "train"), of(tables, "dev")
    pairs = zip(dev[:3], train, strict=False)
    return new_texts(tables, "query", {a.query_id: f" {b.text}。" for a, b in pairs})


@plants("DK203", "test", "passage")
def shared_positives(tables: Tables) -> int:
    seeds = [q.seed_passage_ids[0] for q in of(tables, "train")[:4]]
    mine = of(tables, "test", "dev")
    for q, seed in zip(mine, seeds, strict=False):
        tables["qrel/mined"].append(Qrel(q.query_id, seed, 2, "human", split=q.split))
    return 4


@plants("DK203", "test", "family")
def shared_families(tables: Tables) -> int:
    train = next(d for d in tables["document"] if d.doc_id == "d0000")
    tables["document"] = [
        replace(d, family_id=train.family_id) if d.doc_id == "d0003" else d
        for d in tables["document"]
    ]
    return sum(q.seed_passage_ids[0].startswith("d0003:") for q in of(tables, "test", "dev"))


@plants("DK206", "test")
def prompt_examples(tables: Tables) -> int:
    said = ["Delete my account", "Acme's gross margin in fiscal 2023"]
    mine = of(tables, "test")
    return new_texts(tables, "query", {q.query_id: s for q, s in zip(mine, said, strict=False)})


@plants("DK307", "test")
def positives_only(tables: Tables) -> int:
    """As the closed copy of STARD: nothing in the corpus but answers to test queries."""
    wanted = {r.passage_id for r in tables["qrel/mined"] if r.split in ("dev", "test")}
    tables["passage"] = [p for p in tables["passage"] if p.passage_id in wanted]
    kept = {q.query_id for q in of(tables, "dev", "test")}
    tables["qrel/mined"] = [r for r in tables["qrel/mined"] if r.query_id in kept]
    tables["query"] = of(tables, "dev", "test")
    return 0


@plants("DK403", "test")
def one_grade(tables: Tables) -> int:
    tables["qrel/mined"] = [replace(r, grade=2) for r in tables["qrel/mined"] if r.grade >= 2]
    return 0


@plants("DK408", "test")
def own_judge(tables: Tables) -> int:
    tables["judgement"] = [
        Judgement(q.query_id, q.seed_passage_ids[0], 3, "judge", assessor_id="rules-32b")
        for q in tables["query"][:5]
    ]
    return 1


@plants("DK501", "test")
def pointing(tables: Tables) -> int:
    said = {
        "en": ["what does this section say about fees", "which fees are in the following table"],
        "zh": ["上述条款包括哪些内容", "报告期内营业收入是多少", "甲方的义务有哪些"],
    }
    mine = of(tables, "test", "dev")[:30]
    texts = {q.query_id: said[q.language or ""][i % 2] for i, q in enumerate(mine)}
    texts[next(q for q in mine if q.language == "zh").query_id] = said["zh"][2]
    return new_texts(tables, "query", texts)


@plants("DK504", "test", "verbatim")
def verbatim(tables: Tables) -> int:
    texts = {p.passage_id: p.text for p in tables["passage"]}
    mine = of(tables, "test", "dev")[:15]
    change = {q.query_id: texts[q.seed_passage_ids[0]][3:45] for q in mine}
    return new_texts(tables, "query", change)


@plants("DK507", "test")
def same_openings(tables: Tables) -> int:
    mine = of(tables, "test", "dev")
    half = mine[: len(mine) // 2]
    return new_texts(tables, "query", {q.query_id: f"tell me about {q.text}" for q in half})


@plants("DK508", "test")
def evidence_first(tables: Tables) -> int:
    by_id = {p.passage_id: p for p in tables["passage"]}
    change = {}
    for q in of(tables, "test", "dev"):
        p = by_id[q.seed_passage_ids[0]]
        change[q.query_id] = {"evidence": (Evidence(p.doc_id, p.start, p.start + 5),)}
    rewrite(tables, "query", change)
    return len(change)


@plants("DK509", "test")
def other_script(tables: Tables) -> int:
    mine = [q for q in of(tables, "test", "dev") if q.language == "zh"][:4]
    return new_texts(tables, "query", {q.query_id: f"how is {q.query_id} done today" for q in mine})


@plants("DK511", "test")
def meta_text(tables: Tables) -> int:
    said = ["As an AI language model, I cannot answer", "Query: what is a lease", "以下是一个查询",
            "<think>what would a user ask</think>", "作为一个人工智能，我无法回答"]  # fmt: skip
    mine = of(tables, "test", "dev")
    return new_texts(tables, "query", {q.query_id: t for q, t in zip(mine, said, strict=False)})


@plants("DK512", "corpus")
def personal(tables: Tables) -> int:
    """One of each kind; the last ones are none: wrong check digits, an office, a clause number."""
    found = [
        "身份证 11010519491231002X", "电话 13812345678 联系", "卡号 6222 0212 3456 7894",
        "write to jane.doe@gmail.com", "from 81.2.69.142 today", "key AKIAIOSFODNN7EXAMPLE",
        "护照号 E12345678", "车牌 京A12345", "微信号 abcdef123", "SSN 078-05-1120",
    ]  # fmt: skip
    none = [
        "身份证 110105194912310021", "号码 6222021234567895", "privacy@example.com",
        "see 1.2.3.4", "support@shop.com", "91350100M000100Y43", "收入 13812345678.00元",
    ]  # fmt: skip
    texts = {
        p.passage_id: f"{p.text} {extra}"
        for p, extra in zip(tables["passage"], found + none, strict=False)
    }
    new_texts(tables, "passage", texts)
    return len(found)


@plants("DK603", "test", "queries")
def few_queries(tables: Tables) -> int:
    gone = {q.query_id for q in of(tables, "dev", "test")[40:]}
    tables["query"] = [q for q in tables["query"] if q.query_id not in gone]
    tables["qrel/mined"] = [r for r in tables["qrel/mined"] if r.query_id not in gone]
    return 0


@plants("DK701", "test")
def shifted(tables: Tables) -> int:
    mine = of(tables, "test", "dev")
    new_texts(tables, "query", {q.query_id: f"{q.text} please tell 请告知" for q in mine})
    return 0


@plants("DK702", "train", "passages")
def uncovered(tables: Tables) -> int:
    """As many passages again that nobody asks about."""
    draw = random.Random(1)
    for i in range(len(tables["passage"])):
        text = " ".join(word(draw, "en") for _ in range(40))
        tables["passage"].append(Passage(f"more{i}", f"m{i}", text, 0, len(text), 0, language="en"))
    return 0


@plants("DK801", "test")
def unknown_origin(tables: Tables) -> int:
    mine = of(tables, "test", "dev")[:7]
    rewrite(tables, "query", {q.query_id: {"generator_id": None} for q in mine})
    return 7


@plants("DK802", "corpus")
def no_licence(tables: Tables) -> int:
    tables["document"] = [
        replace(d, licence=None) if i < 6 else d for i, d in enumerate(tables["document"])
    ]
    return 6
