"""120 queries that we wrote, good and bad, English and Chinese, with a reader's verdict on each."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from datakit.filters import FilterSettings, filter_queries
from datakit.records import Dropped, Passage, Query

HERE = Path(__file__).parent / "data" / "filters"
ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in (HERE / "verdicts.jsonl").read_text("utf-8").splitlines()
]
PASSAGES = {
    key: Passage(
        key, key, body["text"], 0, len(body["text"]), 0, issuer=body["issuer"],
        doc_type=body["doc_type"], language=body["language"],
    )
    for key, body in json.loads((HERE / "passages.json").read_text("utf-8")).items()
}  # fmt: skip


@pytest.fixture(scope="module", params=["train", "eval"])
def verdicts(request: pytest.FixtureRequest) -> dict[str, str]:
    """What the filters make of all 120 at once, so that duplicates meet."""
    asked = [
        Query(
            row["query_id"], row["text"], PASSAGES[row["seed"]].language, row["level"], row["form"],
            seed_passage_ids=(row["seed"],),
        )
        for row in ROWS
    ]  # fmt: skip
    found = filter_queries(asked, PASSAGES, FilterSettings(), request.param)
    return {
        **{row["query_id"]: "lost" for row in ROWS},
        **{
            one.record_id if isinstance(one, Dropped) else one.query_id: one.reason
            if isinstance(one, Dropped)
            else "kept"
            for one in found
        },
    }


def test_the_set_is_balanced() -> None:
    languages = Counter(PASSAGES[row["seed"]].language for row in ROWS)
    good = Counter(PASSAGES[row["seed"]].language for row in ROWS if row["verdict"] == "kept")

    assert languages == {"en": 60, "zh": 60}
    assert good == {"en": 26, "zh": 26}
    assert {row["verdict"] for row in ROWS} == {
        "kept", "not_standalone", "lexical_leak", "too_short", "too_long", "only_stop_words",
        "no_words", "unbalanced", "url", "email", "phone", "wrong_language", "duplicate_query",
        "paraphrase",
    }  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["query_id"])
def test_query_gets_the_verdict_of_a_reader(row: dict[str, Any], verdicts: dict[str, str]) -> None:
    assert verdicts[row["query_id"]] == row["verdict"], row["text"]
