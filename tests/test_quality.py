"""The scorer of extractive queries: what it is sure of, what it refuses to load, what it costs."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import pytest
from builders import document

from datakit.errors import DatakitError, PlanError
from datakit.generators import _quality
from datakit.generators.extractive_bottom_up import ExtractiveBottomUp
from datakit.records import Dropped, Passage, Query
from datakit.segmenters.fixed_window import FixedWindow
from datakit.text import base_language

POLICY = (
    "We retain your personal data for 90 days after you close your account. "
    "You must be at least 16 years old to use our services. "
    "From time to time we may take appropriate action. "
    "These Terms shall be governed by the laws of the State of California. "
    "You can do so at any time by following the steps described below. "
    "“Content” means anything you share on our services, including posts and photos."
)


def passages(text: str = POLICY, language: str = "en") -> list[Passage]:
    doc = document(
        text, language=language, issuer="Acme", doc_type="terms of service",
        title="Acme Terms of Service",
    )  # fmt: skip
    return list(FixedWindow()([doc]))


def queries(made: list[Query | Dropped]) -> list[Query]:
    return [one for one in made if isinstance(one, Query)]


def test_every_query_of_a_language_that_readers_judged_reaches_the_least_quality() -> None:
    made = queries(list(ExtractiveBottomUp(least_quality=0.6)(passages())))

    assert made
    assert all(0.6 <= query.scores["quality"] < 1 for query in made)


def test_a_higher_bar_leaves_a_part_of_the_queries() -> None:
    kept = []
    for bar in (0.05, 0.8, 0.99):
        made = ExtractiveBottomUp(least_quality=bar, sentence_queries=9)(passages())
        kept.append({query.text for query in queries(list(made))})

    assert len(kept[0]) > len(kept[1]) > len(kept[2]) == 0
    assert kept[1] <= kept[0]


def test_an_age_is_asked_rather_than_an_action_that_nobody_names() -> None:
    made = queries(list(ExtractiveBottomUp(least_quality=0.01, sentence_queries=9)(passages())))
    quality = {query.pattern: query.scores["quality"] for query in made}
    vague = [query.scores["quality"] for query in made if "appropriate action" in query.text]

    assert vague
    assert max(vague) < min(quality["age"], quality["definition"])


def test_the_same_passages_give_the_same_scores() -> None:
    generator = ExtractiveBottomUp()

    assert list(generator(passages())) == list(generator(passages()))


def test_without_a_bar_no_scorer_is_asked_and_no_score_is_written() -> None:
    generator = ExtractiveBottomUp(least_quality=0)

    assert generator.fingerprint() is None
    made = queries(list(generator(passages())))
    assert made
    assert all("quality" not in query.scores for query in made)


def test_a_language_without_verdicts_is_written_as_without_the_scorer() -> None:
    text = "\n\n".join(
        "Die Lieferung der bestellten Waren erfolgt innerhalb von fünf Werktagen nach Eingang der"
        f" Zahlung auf dem Geschäftskonto, Abschnitt {n}."
        for n in range(4)
    )
    german = passages(text, "de")
    assert base_language(german[0].language) not in _quality.shipped().languages

    scored, plain = (
        {one.text for one in queries(list(ExtractiveBottomUp(least_quality=bar)(german)))}
        for bar in (0.99, 0.0)
    )
    assert scored == plain


def test_the_digest_of_the_weights_is_part_of_what_a_stage_depends_on() -> None:
    assert ExtractiveBottomUp().fingerprint() == {"quality": _quality.shipped().digest}


def test_a_passage_whose_queries_are_all_poor_says_how_poor() -> None:
    (dropped,) = list(ExtractiveBottomUp(least_quality=0.99)(passages()))

    assert isinstance(dropped, Dropped)
    assert dropped.reason == "low_quality"
    assert "expected 0.99 or more" in dropped.detail


@pytest.mark.parametrize("bar", [-0.1, 1.0, 7.0, math.nan])
def test_a_bar_outside_0_to_1_is_refused(bar: float) -> None:
    with pytest.raises(PlanError, match="least_quality"):
        ExtractiveBottomUp(least_quality=bar)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"\xff\xfe", b'{"format": 1}', b"[" * 100_000,
        json.dumps({"format": 2, "languages": ["en"], "bias": 0, "weights": {}}).encode(),
        json.dumps({"format": 1, "languages": ["en"], "bias": "x", "weights": {}}).encode(),
        b'{"format": 1, "languages": ["en"], "bias": NaN, "weights": {}}',
        json.dumps({"format": 1, "languages": ["en"], "bias": 0, "weights": {"a": True}}).encode(),
        json.dumps({"format": 1, "languages": ["en"], "bias": 0, "weights": [1]}).encode(),
    ],
)  # fmt: skip
def test_broken_weights_are_one_error_that_names_the_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    path.write_bytes(content)

    with pytest.raises(DatakitError, match=r"quality\.json: no weights of the scorer") as caught:
        _quality.load(path)
    assert "\n" not in str(caught.value)


def test_missing_weights_are_the_same_error(tmp_path: Path) -> None:
    with pytest.raises(DatakitError, match="least_quality = 0"):
        _quality.load(tmp_path / "quality.json")


def test_a_score_grows_with_each_feature_of_positive_weight() -> None:
    scorer = _quality.Scorer(-1.0, {"good": 2.0, "bad": -2.0}, frozenset({"en"}), "")

    empty, good, both = (
        scorer.probability(features)
        for features in ({}, {"good": 1.0}, {"good": 1.0, "bad": 1.0, "unknown": 9.0})
    )
    assert empty == both < 0.5 < good
    assert 0 < scorer.probability({"bad": 1e9}) < scorer.probability({"good": 1e9}) < 1


def test_a_hostile_passage_costs_bounded_time() -> None:
    long_word = "a" * 40_000
    hostile = f"We may share your {long_word} with others. " + "You may not " * 4_000 + "do that."
    start = time.process_time()

    list(ExtractiveBottomUp(least_quality=0.01)(passages(hostile)))

    assert time.process_time() - start < 20
