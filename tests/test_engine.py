from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from datakit import Dropped, ScoredPassage
from datakit.dataset import Dataset
from datakit.engine import Sink, Step, explain, finished, run_step, stale_steps
from datakit.errors import DatasetError, YieldTooLow
from datakit.runners.local import LocalRunner

CALLS: list[str] = []


def score(payload: tuple[float, list[str]], sink: Sink) -> None:
    """Map function of these tests: a row for each name, a drop for a name in capitals."""
    factor, names = payload
    for name in names:
        CALLS.append(name)
        sink.seen += 1
        sink.put(
            "run/x",
            Dropped(name, "capitals", "expected small letters")
            if name.isupper()
            else ScoredPassage("q", name, factor * len(name)),
        )


def step(*shards: str, factor: float = 1.0, floor: float | None = None) -> Step:
    return Step(
        "retrieve/x", "map", "x", {}, {"factor": factor}, (), ("run/x",), f"{__name__}:score",
        factor, {shard: shard.split() for shard in shards}, floor,
    )  # fmt: skip


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    CALLS.clear()
    return Dataset.create(tmp_path / "out")


def test_a_step_publishes_its_rows_and_counts_its_drops(dataset: Dataset) -> None:
    outcome = run_step(step("a bb", "CC d"), dataset, LocalRunner())

    assert sorted(r.passage_id for r in dataset.read("run/x")) == ["a", "bb", "d"]
    assert outcome.counts == {"in": 4, "out": 3, "dropped": 1}
    assert [d.record_id for d in dataset.read("dropped/retrieve.x")] == ["CC"]


def test_a_finished_shard_is_not_computed_again(dataset: Dataset) -> None:
    run_step(step("a bb", "c"), dataset, LocalRunner())
    CALLS.clear()
    outcome = run_step(step("a bb", "c", "d"), dataset, LocalRunner())

    assert CALLS == ["d"]
    assert outcome.shards == {"total": 3, "computed": 1}


def test_an_unchanged_step_is_skipped_whole(dataset: Dataset) -> None:
    run_step(step("a"), dataset, LocalRunner())

    assert run_step(step("a"), dataset, LocalRunner()).skipped


def test_another_setting_computes_all_again_and_says_why(dataset: Dataset) -> None:
    run_step(step("a", "b"), dataset, LocalRunner())
    changed = step("a", "b", factor=2.0)

    assert "factor: 1.0 -> 2.0" in explain(changed, dataset)
    assert run_step(changed, dataset, LocalRunner()).shards["computed"] == 2


def test_a_shard_with_a_missing_file_is_not_finished(dataset: Dataset) -> None:
    run_step(step("a"), dataset, LocalRunner())
    (folder,) = (dataset.path / ".shards" / "retrieve.x").iterdir()
    next(folder.glob("*.parquet")).unlink()

    assert finished(folder) is None


def test_a_yield_below_the_floor_is_an_error_that_keeps_the_rows(dataset: Dataset) -> None:
    for _ in range(2):  # the second time there is nothing to compute, and it is as bad as before
        with pytest.raises(YieldTooLow, match=r"2 dropped: capitals 2\), expected at least 50%"):
            run_step(step("A B c", floor=0.5), dataset, LocalRunner())

    assert dataset.count("run/x") == 1
    assert run_step(step("A B c", floor=0.3), dataset, LocalRunner()).skipped


def test_a_step_whose_input_was_replaced_is_stale(dataset: Dataset) -> None:
    run_step(step("a"), dataset, LocalRunner())
    reader = Step("check", "global", "c", {}, {}, ("run/x",), ("measure",), lambda sink: None)
    run_step(reader, dataset, LocalRunner())
    assert stale_steps(dataset) == []
    run_step(step("a", "b"), dataset, LocalRunner())

    assert stale_steps(dataset) == ["check"]


def test_a_missing_input_table_says_what_to_do(dataset: Dataset) -> None:
    reader = Step("check", "global", "c", {}, {}, ("query",), ("measure",), lambda sink: None)

    with pytest.raises(DatasetError, match="reads table 'query', which"):
        run_step(reader, dataset, LocalRunner())


def test_the_number_of_shards_does_not_change_the_digest(dataset: Dataset, tmp_path: Path) -> None:
    other = Dataset.create(tmp_path / "other")
    run_step(step("a bb c"), dataset, LocalRunner())
    run_step(step("c", "a", "bb"), other, LocalRunner())

    assert dataset.digest("run/x") == other.digest("run/x")


def test_an_interrupted_shard_leaves_nothing_that_counts(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("datakit.engine.write_atomic", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_step(step("a"), dataset, LocalRunner())
    monkeypatch.undo()
    CALLS.clear()
    run_step(replace(step("a")), dataset, LocalRunner())

    assert CALLS == ["a"]
