"""`datakit train generator`: reading pairs, learning, resuming, the folder and its card."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_t5 import one_thread, tiny_t5

from datakit.errors import DatakitError, PlanError, UsageError
from datakit.generators.t5 import T5Queries
from datakit.records import Dropped, Passage, Query
from datakit.segmentation import epochs
from datakit.seq2seq import load_seq2seq
from datakit.training.fitting import drawn, samples_of
from datakit.training.generator import Job, Settings, train
from datakit.training.pairs import Pair, held_out, read

THINGS = ["fee", "refund", "delivery", "warranty", "deposit", "payment", "interest", "penalty"]
FILLERS = ["the", "buyer", "seller", "contract", "goods", "days", "notice", "must", "may", "within"]
CHINESE_THINGS = ["费用", "退款", "交付", "保修", "押金", "付款", "利息", "罚款"]
CHINESE_FILLERS = ["买方", "卖方", "合同", "应当", "可以", "十四天", "内", "处理", "必须", "通知"]


def pair(i: int) -> tuple[str, str, str]:
    """A passage about a thing, the query that asks for it, and the thing; in two languages."""
    draw = random.Random(i)
    things, fillers, blank, asks = (
        (CHINESE_THINGS, CHINESE_FILLERS, "", "什么是")
        if i % 2
        else (THINGS, FILLERS, " ", "what is the ")
    )
    thing = draw.choice(things)
    words = draw.choices(fillers, k=6)
    words.insert(draw.randint(0, 6), thing)
    return blank.join(words), asks + thing, thing


def write_pairs(path: Path, n: int, first: int = 0) -> Path:
    rows = [
        {"passage": text, "query": query, "language": "zh" if i % 2 else "en"}
        for i in range(first, first + n)
        for text, query, _ in [pair(i)]
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    texts = [part for i in range(400) for part in pair(i)[:2]]
    sizes = {"d_model": 64, "d_kv": 16, "d_ff": 128}
    return str(tiny_t5(tmp_path_factory.mktemp("base"), texts, **sizes))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "made"
    (folder / "SOURCE.txt").parent.mkdir()
    (folder / "SOURCE.txt").write_text("Made for tests.\nLicence: CC0.\n", "utf-8")
    return write_pairs(folder / "pairs.jsonl", 600)


FAST = {"epochs": 2, "learning_rate": 3e-3, "epoch_pairs": 64, "samples": 1, "max_tokens": 24}
GOOD = {"epochs": 8, "patience": 8, "learning_rate": 4e-3, "samples": 2, "max_tokens": 24}


def job(base: str, data: Path, out: Path, **changes: Any) -> Job:
    return replace(Job((data,), out, {**FAST, "model": base}), **changes)


@pytest.fixture(scope="module")
def trained(
    base: str, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Job, dict[str, Any], list[str]]:
    told: list[str] = []
    one = job(base, data, tmp_path_factory.mktemp("model") / "m",
              settings={**GOOD, "model": base}, command="datakit train 'x y'")  # fmt: skip
    return one, train(one, told.append), told


# --- what is learnt ------------------------------------------------------------------------------


def found(model: str, first: int) -> float:
    """The share of unseen passages whose most probable query has the thing in it."""
    unseen = [pair(i) for i in range(first, first + 60)]
    written = samples_of(
        load_seq2seq(model),
        [Pair(text, query) for text, query, _ in unseen],
        Settings(samples=len(unseen), max_tokens=24),
    )
    hits = [thing in query for (_, _, thing), (_, _, query) in zip(unseen, written, strict=True)]
    return sum(hits) / len(hits)


def test_training_makes_it_better_on_unseen_passages(
    base: str, trained: tuple[Job, dict[str, Any], list[str]]
) -> None:
    one, about, _ = trained
    losses = [held for _, _, held in about["losses"]]

    assert min(losses) < 0.1 * about["loss_before"]
    assert found(base, 5000) < 0.1
    assert found(str(one.out), 5000) > 0.8


def test_the_generator_asks_for_what_an_unseen_passage_is_about(
    trained: tuple[Job, dict[str, Any], list[str]],
) -> None:
    passages = [
        Passage(f"d:{i}", "d", pair(i)[0], 0, 1, i, language="zh" if i % 2 else "en")
        for i in range(6000, 6010)
    ]
    made = list(T5Queries(str(trained[0].out), queries_per_passage=2, top_k=1)(passages))
    queries = {r.seed_passage_ids[0]: r for r in made if isinstance(r, Query)}

    right = [pair(i)[2] in queries[f"d:{i}"].text for i in range(6000, 6010)]
    # untrained, none is right; the number of threads moves the trained one by one or two
    assert sum(right) >= 6
    assert {q.form for q in queries.values()} == {"question"}
    assert all(q.scores["times"] == 2 for q in queries.values())


def test_progress_shows_loss_and_samples_of_every_epoch(
    trained: tuple[Job, dict[str, Any], list[str]],
) -> None:
    _, about, told = trained
    n = len(about["losses"])

    assert told[0].startswith(f"{about['data'][0]['train'] + about['data'][1]['train']} pairs")
    assert sum("held-out loss" in line for line in told) == n + 1
    assert sum("a person asked" in line for line in told) == 2 * n


def test_the_card_says_what_was_done(trained: tuple[Job, dict[str, Any], list[str]]) -> None:
    one, about, _ = trained
    text = (one.out / "README.md").read_text("utf-8")

    for part in (
        "datakit train 'x y'",
        "- made: Licence: CC0.",
        f"| made | zh | {about['data'][1]['train']} |",
        "licence: not stated",
        f"{about['kept']} (kept)",
        f"{about['parameters']:,} parameters",
        '"{title} {passage}"',
    ):
        assert part in text
    assert not (one.out / "checkpoints").exists()


def test_a_job_that_is_done_is_not_done_again(
    trained: tuple[Job, dict[str, Any], list[str]],
) -> None:
    one, about, _ = trained
    told: list[str] = []

    assert train(one, told.append) == about
    assert told == [f"{one.out} has this model already"]
    with pytest.raises(UsageError, match="trained on other data or with other settings"):
        train(replace(one, seed=7))


# --- resuming ------------------------------------------------------------------------------------


def weights(out: Path) -> bytes:
    return (out / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_a_killed_process_goes_on_and_ends_as_if_it_had_not_been(
    base: str, data: Path, tmp_path: Path
) -> None:
    def command(out: Path) -> list[str]:
        settings = [f"--set={name}={value}" for name, value in FAST.items()]
        return [sys.executable, "-m", "datakit", "train", "generator", str(data), "--model", base,
                "-o", str(out), *settings, "--set=epochs=3"]  # fmt: skip

    straight, broken = tmp_path / "straight", tmp_path / "broken"
    alike = os.environ | {"OMP_NUM_THREADS": "1"}  # sums are split among threads, as `train` here
    train(job(base, data, straight, settings={**FAST, "model": base, "epochs": 3}))
    process = subprocess.Popen(command(broken), stderr=subprocess.PIPE, text=True, env=alike)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 1"):
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    process.stderr.close()
    again = subprocess.run(command(broken), capture_output=True, text=True, check=True, env=alike)

    assert process.returncode == -signal.SIGKILL
    assert "goes on after epoch" in again.stderr
    assert weights(broken) == weights(straight)
    assert "without what came before an interruption" in (broken / "README.md").read_text("utf-8")


def test_the_same_job_gives_the_same_weights_and_another_seed_others(
    base: str, data: Path, tmp_path: Path
) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(job(base, data, tmp_path / name, seed=seed))

    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")


def test_tied_weights_are_kept_once(base: str, data: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    class Killed(Exception):
        pass

    def stop(line: str) -> None:
        if line.startswith("epoch 1"):
            raise Killed

    with pytest.raises(Killed):
        train(job(base, data, tmp_path / "m"), stop)
    (path,) = (tmp_path / "m").rglob(epochs.CHECKPOINT)
    with safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith("network.")]  # noqa: SIM118

    assert sum("shared" in name or "embed_tokens" in name for name in names) == 1


def test_epochs_take_every_pair_before_one_comes_again() -> None:
    taken = [i for epoch in range(1, 8) for i in drawn(10, 4, 0, epoch)]

    assert sorted(taken[:10]) == sorted(taken[10:20]) == list(range(10))
    assert taken[:10] != taken[10:20]
    assert sorted(drawn(5, 5, 0, 3)) == [0, 1, 2, 3, 4]


def test_a_model_can_start_from_its_config_alone(base: str, data: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for file in Path(base).iterdir():
        if file.suffix == ".json":
            (bare / file.name).write_bytes(file.read_bytes())
    settings = {**FAST, "model": str(bare), "from_config": True}
    about = train(job(base, data, tmp_path / "m", settings=settings))

    assert about["from_config"]
    assert "random weights" in (tmp_path / "m" / "README.md").read_text("utf-8")
    with pytest.raises(DatakitError, match="does not load"):
        train(job(base, data, tmp_path / "n", settings={**settings, "from_config": False}))


# --- pairs ---------------------------------------------------------------------------------------

SQUAD = {
    "data": [
        {
            "title": "Terms",
            "paragraphs": [
                {"context": "The fee is 5 euros.", "qas": [
                    {"id": "1", "question": "What is the fee?", "answers": []},
                    {"id": "2", "question": "Who pays?", "is_impossible": True},
                ]},
                {"context": "Returns are free.", "qas": [{"id": "3", "question": "Returns?"}]},
            ],
        }
    ]
}  # fmt: skip
CMRC = [
    {"context_id": "A", "context_text": "费用为五欧元。", "qas": [{"query_text": "费用是多少？"}]}
]


def queries(*paths: Path) -> list[str]:
    return [one.query for one in read(paths) if isinstance(one, Pair)]


def reasons(*paths: Path) -> list[str]:
    return [one.reason for one in read(paths) if isinstance(one, Dropped)]


def test_question_sets_are_read_in_three_forms(tmp_path: Path) -> None:
    (tmp_path / "squad.json").write_text(json.dumps(SQUAD), "utf-8")
    (tmp_path / "cmrc.json").write_text(json.dumps(CMRC), "utf-8")

    assert queries(tmp_path / "squad.json") == ["What is the fee?", "Returns?"]
    assert reasons(tmp_path / "squad.json") == ["unanswerable"]
    assert queries(tmp_path / "cmrc.json") == ["费用是多少？"]
    groups = {one.group for one in read([tmp_path / "squad.json"]) if isinstance(one, Pair)}
    assert len(groups) == 1


def test_a_question_set_of_another_form_is_left_out_with_the_reason(tmp_path: Path) -> None:
    articles = [{"paragraphs": [{"text": "A fee."}, 3], "questions": ["Which fee?"]}, {"qas": "x"}]
    (tmp_path / "a.json").write_text(json.dumps(articles), "utf-8")

    assert queries(tmp_path / "a.json") == []
    assert reasons(tmp_path / "a.json") == ["no_questions"] * 2


def test_lines_and_tables_say_what_they_leave_out(tmp_path: Path) -> None:
    rows = ['{"passage": "A fee.", "query": "a  fee"}', "{", "[1]", '{"passage": "x"}', ""]
    with gzip.open(tmp_path / "a.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(rows))
    (tmp_path / "b.tsv").write_text("query\tpassage\nq1\tp1\nq2\n", "utf-8")

    assert queries(tmp_path / "a.jsonl.gz") == ["a fee"]
    assert reasons(tmp_path / "a.jsonl.gz") == ["not_json", "not_a_pair", "no_text"]
    assert queries(tmp_path / "b.tsv") == ["q1"]
    assert reasons(tmp_path / "b.tsv") == ["not_a_pair"]
    assert queries(tmp_path) == ["a fee", "q1"]


def beir(folder: Path, splits: tuple[str, ...]) -> Path:
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": f"p{i}", "title": "T", "text": f"Fee number {i}."} for i in range(3)]
    asked = [{"_id": f"q{i}", "text": f"fee {i}"} for i in range(3)]
    for name, rows in (("corpus", corpus), ("queries", asked)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, "utf-8")
    for i, split in enumerate(splits):
        text = f"query-id\tcorpus-id\tscore\nq{i}\tp{i}\t1\n"
        (folder / "qrels" / f"{split}.tsv").write_text(text, "utf-8")
    return folder


def test_a_beir_folder_gives_its_train_and_dev_pairs_and_no_test_query(tmp_path: Path) -> None:
    folder = beir(tmp_path / "b", ("train", "dev", "test"))
    pairs = [one for one in read([folder]) if isinstance(one, Pair)]

    assert [(one.query, one.part, one.title) for one in pairs] == [
        ("fee 1", "dev", "T"),
        ("fee 0", "train", "T"),
    ]
    assert reasons(folder) == ["test_split"]


def test_a_dataset_of_ours_gives_the_pairs_of_its_train_and_dev_queries(tmp_path: Path) -> None:
    from datakit.importing import import_dataset

    import_dataset(beir(tmp_path / "b", ("train", "dev", "test")), tmp_path / "out")
    pairs = [one for one in read([tmp_path / "out"]) if isinstance(one, Pair)]

    assert sorted((one.query, one.part) for one in pairs) == [("fee 0", "train"), ("fee 1", "dev")]
    assert reasons(tmp_path / "out") == ["test_split"]


def test_pairs_of_one_passage_are_never_apart() -> None:
    every = [
        Pair(f"passage {i}", f"query {i} {k}", source=source)
        for source in ("a", "b") for i in range(100) for k in range(3)
    ]  # fmt: skip
    kept, dev = held_out(every)

    assert not {pair.passage for pair in kept} & {pair.passage for pair in dev}
    assert len(kept) + len(dev) == len(every)
    assert {pair.source for pair in dev} == {"a", "b"}
    assert 30 <= len(dev) <= 60


def test_what_a_set_holds_out_is_held_out() -> None:
    said = [Pair(f"p{i}", "q", part="dev" if i == 3 else "train", source="a") for i in range(9)]

    assert held_out(said)[1] == [said[3]]
    assert len(held_out([replace(pair, part="train") for pair in said])[1]) == 1
    assert held_out(said[:1]) == ([said[0]], [])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "x", "Which form is it in"),
        ("a.json", "{", "Is it JSON lines"),
        ("a.json", '{"data": 3}', "a question set as SQuAD"),
        ("a.jsonl.gz", "x", "cannot be read"),
    ],
)
def test_a_wrong_file_is_one_clear_error(
    name: str, content: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content, "utf-8")

    with pytest.raises(DatakitError, match=words):
        list(read([tmp_path / name]))


# --- jobs that cannot be -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"epoch": 3}, PlanError, "generator has no setting 'epoch'. Did you mean 'epochs'"),
        ({"epochs": 0}, PlanError, "at least 1"),
        ({"prompt": "ask {passage.__class__}"}, PlanError, "nothing else"),
        ({"max_tokens": 1}, DatakitError, "has more than max_tokens = 1 tokens"),
        ({"model": "no/such"}, DatakitError, "neither a folder nor in the local"),
    ],
)
def test_a_job_that_cannot_be_is_one_clear_error(
    settings: dict[str, Any], error: type[DatakitError], words: str,
    base: str, data: Path, tmp_path: Path,
) -> None:  # fmt: skip
    with pytest.raises(error, match=words):
        train(job(base, data, tmp_path / "m", settings={**FAST, "model": base, **settings}))


def test_too_few_pairs_are_one_clear_error(base: str, tmp_path: Path) -> None:
    few = write_pairs(tmp_path / "few.jsonl", 1)

    with pytest.raises(DatakitError, match=r"found no pair to (train on|hold out) \(of 1"):
        train(job(base, few, tmp_path / "m"))


def test_a_step_that_does_not_fit_says_what_to_lower(
    base: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import T5ForConditionalGeneration

    def full(*args: Any, **kwargs: Any) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(T5ForConditionalGeneration, "forward", full)
    with pytest.raises(DatakitError, match="step_tokens = 8192 does not fit"):
        train(job(base, data, tmp_path / "m"))


def test_a_folder_with_another_model_is_left_alone(base: str, data: Path) -> None:
    with pytest.raises(UsageError, match="a model that datakit did not train"):
        train(job(base, data, Path(base)))
