"""Planted defects that retrievers, judges, people or settings show; see `planted_defects`."""

from __future__ import annotations

import random
from dataclasses import replace

from planted import Tables, found_by_two
from planted_defects import new_texts, of, plants

from datakit.records import Judgement, Negative, Qrel, ScoredPassage


def _held_out(tables: Tables) -> list:  # type: ignore[type-arg]
    return of(tables, "test", "dev")


@plants("DK202", "test")
def paraphrases(tables: Tables) -> int:
    train = next(q for q in of(tables, "train") if q.language == "en")
    test = [q for q in _held_out(tables) if q.language == "en"]
    return new_texts(tables, "query", {
        train.query_id: "how do I cancel my Netflix subscription",
        test[0].query_id: "How can I cancel my Netflix subscription?",
        test[1].query_id: "who is liable for lost data",
    }) - 2  # fmt: skip


@plants("DK301", "test", "single", least_corpus=100)
def single_positives(tables: Tables) -> int:
    return len(_held_out(tables))  # the clean dataset has one positive per query


@plants("DK302", "test", "bm25")
def holes(tables: Tables) -> int:
    return 0  # three labels per query: so it is in the clean dataset


@plants("DK401", "test")
def lost_seeds(tables: Tables) -> int:
    mine = [q for q in _held_out(tables) if q.language == "en"][:25]
    return new_texts(tables, "query", {q.query_id: "entirely unrelated words here" for q in mine})


@plants("DK405", "test")
def inverted(tables: Tables) -> int:
    tables["qrel/mined"] = [replace(r, scores={"ce": 3.0 - r.grade}) for r in tables["qrel/mined"]]
    return 0


@plants("DK406", "test")
def doubted(tables: Tables) -> int:
    """A quarter of the positives looks like a negative."""
    mine = [r for r in tables["qrel/mined"] if r.split in ("dev", "test") and r.grade >= 2]
    bad = {(r.query_id, r.passage_id) for r in mine[:40]}
    tables["qrel/mined"] = [
        replace(r, scores={"p_rel": 0.05 if (r.query_id, r.passage_id) in bad or r.grade < 2
                           else 0.95})
        for r in tables["qrel/mined"]
    ]  # fmt: skip
    return 40


@plants("DK407", "test")
def generous(tables: Tables) -> int:
    mine = tables["query"][:50]
    tables["judgement"] = [
        Judgement(q.query_id, q.seed_passage_ids[0], grade, source, assessor_id=source)
        for q in mine
        for source, grade in (("human", 1), ("judge", 2))
    ]
    return 50


@plants("DK503", "test")
def not_answered(tables: Tables) -> int:
    tables["judgement"] = [
        Judgement(q.query_id, q.seed_passage_ids[0], 0 if i < 30 else 3, "judge", assessor_id="j")
        for i, q in enumerate(_held_out(tables))
    ]
    return 30


@plants("DK506", "test", quota={"keyword": 1, "question": 1})
def one_form(tables: Tables) -> int:
    return 0  # the clean dataset has questions alone


@plants("DK601", "test", "bm25")
def copied_words(tables: Tables) -> int:
    texts = {p.passage_id: p.text for p in tables["passage"]}
    new_texts(
        tables, "query", {q.query_id: texts[q.seed_passage_ids[0]] for q in _held_out(tables)}
    )
    tables["qrel/mined"] = [r for r in tables["qrel/mined"] if r.grade >= 2]
    return 0


@plants("DK602", "test", "trivial")
def trivial(tables: Tables) -> int:
    copied_words(tables)
    return len(_held_out(tables))


@plants("DK602", "test", "impossible")
def impossible(tables: Tables) -> int:
    """The label of 40 queries is of a passage that no retriever finds."""
    mine = _held_out(tables)[:40]
    found = found_by_two(tables, mine, 100)
    last = {
        q.query_id: next(p for p in tables["passage"] if (q.query_id, p.passage_id) not in found)
        for q in mine
    }
    tables["qrel/mined"] = [
        replace(r, passage_id=last[r.query_id].passage_id) if r.query_id in last else r
        for r in tables["qrel/mined"]
        if r.grade >= 2
    ]
    return 40


@plants("DK305", "test", "condensed")
@plants("DK305", "test", "bpref")
def unjudged_on_top(tables: Tables) -> int:
    """Eight runs: with unjudged passages the first is best, without them the last is."""
    labels: dict[str, list[Qrel]] = {}
    for r in tables["qrel/mined"]:
        labels.setdefault(r.query_id, []).append(r)
    ids = [p.passage_id for p in tables["passage"]]
    for k in range(8):
        rows = tables[f"run/system{k}"] = []
        for q in _held_out(tables):
            judged = sorted(labels[q.query_id], key=lambda r: r.grade)  # negatives first
            known = [r.passage_id for r in judged][0 if k < 4 else 2 :]
            holes = [p for p in ids if p not in {r.passage_id for r in judged}][:k]
            rows += [ScoredPassage(q.query_id, p, -i) for i, p in enumerate(holes + known)]
    return 0


@plants("DK605", "test")
def against_the_others(tables: Tables) -> int:
    """Of 20 runs, 10 find every positive first but those of 20 queries; 10 those alone."""
    mine = _held_out(tables)
    nobody = (tables["passage"][0].passage_id,)
    for k in range(20):
        rows = tables[f"run/system{k:02}"] = []
        for i, q in enumerate(mine):
            found = q.seed_passage_ids if (k < 10) == (i >= 20) else nobody
            rows += [ScoredPassage(q.query_id, p, -n) for n, p in enumerate(found)]
    return 20


@plants("DK606", "test")
def another_view(tables: Tables) -> int:
    """The judge finds other passages relevant than people do."""
    draw = random.Random(6)
    ids = [p.passage_id for p in tables["passage"]]
    tables["judgement"] = [
        Judgement(q.query_id, name, 3, source, assessor_id=source)
        for q in _held_out(tables)[:40]
        for source, name in (("human", q.seed_passage_ids[0]), ("judge", draw.choice(ids)))
    ]
    return 0


@plants("DK604", "test", "split-half tau")
def chance(tables: Tables) -> int:
    """Labels by chance: every half of the queries ranks the systems anew."""
    draw = random.Random(4)
    ids = [p.passage_id for p in tables["passage"]]
    tables["qrel/mined"] = [
        Qrel(q.query_id, name, 2, "human", split=q.split)
        for q in _held_out(tables)
        for name in draw.sample(ids, 5)
    ]
    return 0


@plants("DK703", "test", temporal=True)
def later(tables: Tables) -> int:
    """Three train queries have a positive of after the first day of test."""
    mine = [q.seed_passage_ids[0] for q in of(tables, "train")[:3]]
    test = {q.seed_passage_ids[0] for q in _held_out(tables)}
    tables["passage"] = [
        replace(p, date="2024-07-01" if p.passage_id in mine else
                "2024-06-01" if p.passage_id in test else "2024-01-01")
        for p in tables["passage"]
    ]  # fmt: skip
    return 3


@plants("DK304", "train")
def risky_negatives(tables: Tables) -> int:
    other = tables["passage"][-1].passage_id
    tables["negative/mined"] = [
        Negative(q.query_id, other, "mined", "bm25", 1.0, 0.97 if i < 5 else 0.5, 0.1, 3)
        for i, q in enumerate(of(tables, "train")[:100])
    ]
    return 5


@plants("DK402", "test")
def judged_wrong(tables: Tables) -> int:
    mine = of(tables, "test", "dev")
    tables["judgement"] = [
        Judgement(q.query_id, q.seed_passage_ids[0], 0 if i < 30 else 3, "human", assessor_id="a")
        for i, q in enumerate(mine)
    ]
    return 30


@plants("DK404", "test")
def disagreeing(tables: Tables) -> int:
    mine = tables["query"][:120]
    tables["judgement"] = [
        Judgement(q.query_id, q.seed_passage_ids[0], grade, source, assessor_id=source)
        for i, q in enumerate(mine)
        for source, grade in (("human", 3 if i % 2 else 0), ("judge", 3 if i % 3 else 0))
    ]
    return sum((i % 2 == 0) != (i % 3 == 0) for i in range(120))


@plants("DK409", "test", "duplicate")
def wrong_copies(tables: Tables) -> int:
    mine = of(tables, "test", "dev")[:100]
    last = tables["passage"][0].passage_id
    tables["qrel/mined"] += [Qrel(q.query_id, last, 2, "duplicate", split=q.split) for q in mine]
    tables["judgement"] = [
        Judgement(q.query_id, last, 0 if i < 70 else 3, "judge", assessor_id="j")
        for i, q in enumerate(mine)
    ]
    return 70


@plants("DK306", "test")
def one_retriever(tables: Tables) -> int:
    tables["run/bm25"] = [
        ScoredPassage(q.query_id, q.seed_passage_ids[0], 1.0) for q in of(tables, "test")
    ]
    return 0
