"""A dataset without a defect, for the tests of audits.

Half of it is English, half Chinese. A document has a topic; a passage draws most of its words from
it, and a query mixes words of its passage with others of the topic, so that retrieval is neither
trivial nor hopeless. Passages and queries share no run of words.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

from datakit import registry
from datakit.dataset import Dataset, write_tables
from datakit.records import (
    Document,
    Evidence,
    Passage,
    Qrel,
    Query,
)

Tables = dict[str, list[Any]]
HAN = (
    "山水风火木金石田园花草树林江河湖海云雨雪霜春夏秋冬星光明亮红黄蓝绿白黑鱼鸟虫马牛羊米豆瓜果茶酒"
    "盐糖油布衣帽鞋车船桥路城村门窗屋瓦墙井泉池塘岸岛沙泥铜铁银玉珠纸笔墨砚琴棋歌舞诗词画刀弓箭旗鼓钟灯烛"
    "炉锅碗盘杯瓶箱柜床椅桌梯绳网钩针线丝棉麻皮毛骨角牙羽翅尾根茎叶芽枝干种仁壳汁粉浆胶漆蜡炭烟灰尘露雾冰雹"
)
OPENINGS = {
    "en": (
        "how", "why", "where", "when", "which", "who", "can", "should", "must", "does", "is", "are",
        "was", "could", "may",
    ),
    "zh": (
        "如何", "怎样", "为何", "哪些", "哪里", "何时", "多少", "能否", "是否", "谁能", "怎么",
    ),
}  # fmt: skip
SCALE = {
    "grades": {str(g): "as in the records" for g in range(4)},
    "relevant_from": 2,
    "unjudged": "unknown",
}
CARD = dict.fromkeys(
    (
        "description", "creator", "languages", "intended_use", "limitations", "biases",
        "personal_data", "collection", "annotation",
    ),
    "told",
)  # fmt: skip


class Size(NamedTuple):
    """How many passages a document has, how many of dev and test have a query, what is judged."""

    passages: int = 5
    asked: int = 5
    judged: int = 2  # other passages of its document, for each query


SMALL = Size()
# what the checks with retrievers ask for: half of the first 10 of a system and more are judged
WELL_JUDGED = Size(10, 6, 9)


def clean(n_documents: int = 60, seed: int = 7, size: Size = SMALL) -> Tables:
    """A dataset without a defect; every passage of train has a query."""
    draw = random.Random(seed)
    tables: Tables = {name: [] for name in ("document", "passage", "query", "qrel/mined")}
    for i in range(n_documents):
        _document(draw, i, size, tables)
    _label_neighbours(draw, size.judged, tables)
    return tables


def word(draw: random.Random, language: str) -> str:
    if language == "zh":
        return "".join(draw.choices(HAN, k=2))
    consonants, vowels = "bdfgklmnprstvz", "aeiou"
    return "".join(draw.choice(s) for s in (consonants, vowels) * draw.choice((2, 3)))


def _document(draw: random.Random, i: int, size: Size, tables: Tables) -> None:
    language = "en" if i % 2 else "zh"
    split = "train" if i % 5 < 3 else ("test" if i % 5 == 3 or i % 10 == 4 else "dev")
    blank = " " if language == "en" else ""
    topic = [word(draw, language) for _ in range(30)]
    text, passages, words_of = "", [], []
    doc_id = f"d{i:04d}"
    for k in range(size.passages):
        words = [draw.choice(topic) if draw.random() < 0.5 else word(draw, language)
                 for _ in range(40)]  # fmt: skip
        body = blank.join(words) + ("." if language == "en" else "。")
        start = len(text) + (1 if text else 0)
        text = f"{text}\n{body}" if text else body
        passages.append(
            Passage(
                f"{doc_id}:{start}-{start + len(body)}",
                doc_id,
                body,
                start,
                start + len(body),
                k,
                language=language,
                n_tokens=40,
                title=f"t{i}",
                issuer=f"Issuer {i}",
            )
        )
        words_of.append(words)
    tables["document"].append(
        Document(
            doc_id,
            text,
            f"docs/{i}.txt",
            language=language,
            licence="CC0-1.0",
            family_id=f"f{i}",
            title=f"t{i}",
        )
    )
    tables["passage"] += passages
    for k in range(size.passages if split == "train" else size.asked):
        _query(draw, split, passages[k], words_of[k], topic, tables)


def _query(
    draw: random.Random, split: str, passage: Passage, words: list[str], topic: list[str],
    tables: Tables,
) -> None:  # fmt: skip
    language = passage.language or "en"
    own = draw.sample(sorted(set(words)), 3)
    other = draw.sample([w for w in topic if w not in words] or topic, 2)
    mixed = own + other + [word(draw, language), word(draw, language)]
    draw.shuffle(mixed)
    blank = " " if language == "en" else ""
    text = blank.join([draw.choice(OPENINGS[language]), *mixed])
    at = draw.randrange(len(passage.text) - 6)
    evidence = Evidence(passage.doc_id, passage.start + at, passage.start + at + 6)
    name = f"q{len(tables['query']):05d}"
    tables["query"].append(
        Query(
            name,
            text,
            language,
            "passage",
            "question",
            generator_id="sha256:g",
            generator_family="rules",
            seed_passage_ids=(passage.passage_id,),
            evidence=(evidence,),
            split=split,
        )
    )
    grade = 3 if draw.random() < 0.5 else 2
    tables["qrel/mined"].append(
        Qrel(name, passage.passage_id, grade, "direct", "passage", split)  # type: ignore[arg-type]
    )


def _label_neighbours(draw: random.Random, n: int, tables: Tables) -> None:
    """Grade 0, and for the second 1, for n other passages of the document: not relevant."""
    of: dict[str, list[Passage]] = {}
    for p in tables["passage"]:
        of.setdefault(p.doc_id, []).append(p)
    for q in list(tables["query"]):
        (seed,) = q.seed_passage_ids
        others = [p for p in of[seed.split(":")[0]] if p.passage_id != seed]
        for i, p in enumerate(draw.sample(others, n)):
            tables["qrel/mined"].append(
                Qrel(q.query_id, p.passage_id, int(i == 1), "judge", "passage", q.split)
            )


def found_by_two(tables: Tables, queries: list[Query], k: int) -> set[tuple[str, str]]:
    """Query and passage ids of the first k by BM25 and by latent semantic analysis."""
    found = set()
    for name in ("bm25", "lsa"):
        index = registry.make("retrievers", name, {}).fit(tables["passage"])
        found |= {(r.query_id, r.passage_id) for r in index.search(queries, k)}
    return found


def write(tables: Tables, path: Path, **fields: Any) -> Dataset:
    known = {"label_scale": SCALE, "licence": "CC0-1.0", "card": CARD}
    return write_tables(path, tables, "planted", **(known | fields))
