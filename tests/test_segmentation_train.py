"""Training, resuming, calibration, the card, and loading: the same for every architecture."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_segmentation import document, tiny_encoder, write_json_lines

from datakit.errors import DatakitError, PlanError, UnknownName, UsageError
from datakit.segmentation import calibration, card, epochs, hierarchical, model
from datakit.segmentation.calibration import Condition, Raw
from datakit.segmentation.corpus import DEPTHS, VARIANTS, Line
from datakit.segmentation.train import Job, choose_thresholds, licences, micro_f1, train

FAST = {
    "pair": {"epochs": 3, "learning_rate": 3e-3, "max_pairs": 60, "dev_pairs": 40},
    "hierarchical": {"epochs": 3, "dim": 16, "layers": 1, "heads": 2, "max_length": 32},
}
GOOD: dict[str, dict[str, Any]] = {
    "pair": {
        "epochs": 10,
        "patience": 10,
        "learning_rate": 3e-3,
        "variants": ["stripped"],
        "max_pairs": 0,
        "dev_pairs": 200,
    },
    "hierarchical": {
        "epochs": 40,
        "patience": 8,
        "batch_lines": 256,
        "dim": 32,
        "layers": 1,
        "heads": 2,
        "learning_rate": 3e-3,
    },
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_encoder(tmp_path_factory.mktemp("encoder")))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "made"
    write_json_lines(folder / "docs.jsonl", 80)
    (folder / "SOURCE.txt").write_text("Made for tests.\nLicence: CC0.\n", "utf-8")
    return folder


def job(arch: str, encoder: str, data: Path, out: Path, **changes: Any) -> Job:
    settings = {**FAST[arch], "encoder": encoder}
    return dataclasses.replace(Job((data,), out, arch, settings), **changes)


@pytest.fixture(scope="module", params=["pair", "hierarchical"])
def trained(
    request: pytest.FixtureRequest, encoder: str, data: Path, tmp_path_factory: Any
) -> tuple[Job, model.TrainedModel]:
    out = tmp_path_factory.mktemp("model") / request.param
    settings = {**FAST[request.param], **GOOD[request.param], "encoder": encoder}
    one = job(request.param, encoder, data, out, settings=settings, command="datakit train 'x y'")
    return one, train(one)


# --- the model ---------------------------------------------------------------------------------


def test_a_trained_model_finds_the_sections(trained: tuple[Job, model.TrainedModel]) -> None:
    _, found = trained
    unseen = [document(i).variant("stripped") for i in range(200, 220)]
    scored = found.scored([one.lines for one in unseen])
    cuts = [one.p[:, 0] >= one.thresholds["section"] for one in scored]

    assert micro_f1([one.gold("section") for one in unseen], cuts) > 0.8


def test_a_loaded_model_is_the_trained_one(trained: tuple[Job, model.TrainedModel]) -> None:
    one, made = trained
    lines = [document(i).variant(v).lines for i in range(200, 203) for v in VARIANTS]
    loaded = model.load(one.out)

    assert loaded.identity() == {**made.identity(), "model": str(one.out)}
    assert loaded.thresholds == made.thresholds
    for ours, theirs in zip(loaded.probabilities(lines), made.probabilities(lines), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_document_is_calibrated_and_cut_under_its_condition(
    trained: tuple[Job, model.TrainedModel],
) -> None:
    _, found = trained
    thresholds = calibration.Thresholds({
        c: dict.fromkeys(DEPTHS, 0.1 * i) for i, c in enumerate(calibration.CONDITIONS)
    })  # fmt: skip
    scales = calibration.Calibration({
        c: dict.fromkeys(DEPTHS, (1.0, float(i))) for i, c in enumerate(calibration.CONDITIONS)
    })  # fmt: skip
    other = dataclasses.replace(found, thresholds=thresholds, calibration=scales)
    lines = [document(200).variant(v).lines for v in VARIANTS]
    logits = found.members[0].raw(lines)

    for i, (one, raw) in enumerate(zip(other.scored(lines), logits, strict=True)):
        assert one.thresholds == dict.fromkeys(DEPTHS, pytest.approx(0.1 * i))
        section = raw.logits[:, 0].astype(float) + i
        np.testing.assert_allclose(one.p[:, 0], 1 / (1 + np.exp(-section)), atol=1e-6)


def test_a_boundary_of_a_section_is_one_of_a_sub_section(
    trained: tuple[Job, model.TrainedModel],
) -> None:
    _, found = trained
    for of in found.probabilities([document(i).lines for i in range(210, 220)]):
        assert of.dtype == np.float32
        assert of.shape == (11, 2)
        assert (of >= 0).all()
        assert (of[:, 0] <= of[:, 1]).all()
        assert (of[:, 1] <= 1).all()


def test_the_card_says_what_was_done(trained: tuple[Job, model.TrainedModel]) -> None:
    one, found = trained
    text = (one.out / "README.md").read_text("utf-8")
    sizes = found.training["data"][0]

    for part in (
        "datakit train 'x y'",
        "- made: Licence: CC0.",
        "On test documents",
        f"{found.training['parameters']:,}",
        f"| made | en | {sizes['documents']} | {sizes['groups']} |",
        json.dumps(one.settings["encoder"]),
    ):
        assert part in text
    assert sizes["train"] + sizes["dev"] + sizes["test"] == sizes["documents"] == 80
    assert len(found.training["quality"]) == len(VARIANTS) * len(DEPTHS) * 2
    assert not (one.out / "checkpoints").exists()
    ET.fromstring((one.out / card.PLOT).read_text("utf-8"))


def test_a_job_that_is_done_is_not_done_again(trained: tuple[Job, model.TrainedModel]) -> None:
    one, made = trained
    told: list[str] = []

    assert train(one, told.append).identity() == {**made.identity(), "model": str(one.out)}
    assert told == [f"{one.out} has this model already"]
    with pytest.raises(UsageError, match="trained on other data or with other settings"):
        train(dataclasses.replace(one, seed=7))


# --- resuming ----------------------------------------------------------------------------------


class Killed(Exception):
    pass


@pytest.mark.parametrize("arch", ["pair", "hierarchical"])
@pytest.mark.parametrize("at", ["epoch 1", "epoch 2", "calibrates"])
def test_a_killed_run_ends_as_if_it_had_not_been(
    arch: str, at: str, encoder: str, data: Path, tmp_path: Path
) -> None:
    def stop(line: str) -> None:
        if at in line:
            raise Killed

    straight = train(job(arch, encoder, data, tmp_path / "straight"))
    broken = job(arch, encoder, data, tmp_path / "broken")
    with pytest.raises(Killed):
        train(broken, stop)
    told: list[str] = []
    again = train(broken, told.append)

    assert again.weights == straight.weights
    assert again.calibration == straight.calibration
    assert any("goes on after epoch" in line for line in told)
    assert again.training["resumed"]
    assert not straight.training["resumed"]


def test_training_stops_early_and_keeps_the_best_weights(tmp_path: Path) -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    scores = iter([0.1, 0.5, 0.4, 0.3, 0.9])

    def one_epoch(number: int) -> float:
        with torch.no_grad():
            network.weight.fill_(float(number))
        return 0.0

    told: list[str] = []
    short = epochs.Course(5, patience=2, seed=0, folder=tmp_path, say=told.append)
    history = epochs.run(network, optimiser, one_epoch, lambda: next(scores), short)

    assert [e.score for e in history] == [0.1, 0.5, 0.4, 0.3]
    assert float(network.weight.detach()) == 2.0
    assert len(told) == 4


class Tied(torch.nn.Module):
    """One weight under two names."""

    def __init__(self, n: int = 2) -> None:
        super().__init__()
        self.one = torch.nn.Linear(n, n, bias=False)
        self.other = torch.nn.Linear(n, n, bias=False)
        self.other.weight = self.one.weight


def course(folder: Path, epochs_: int, told: list[str] | None = None) -> epochs.Course:
    return epochs.Course(epochs_, 9, 0, folder, (told if told is not None else []).append)


def one_run(network: torch.nn.Module, of: epochs.Course) -> list[epochs.Epoch]:
    optimiser = torch.optim.Adam(network.parameters(), lr=0.1)

    def one_epoch(number: int) -> float:
        loss = torch.stack([(p - number).square().sum() for p in network.parameters()]).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return epochs.run(network, optimiser, one_epoch, lambda: 0.5, of)


def test_weights_that_are_tied_go_through_a_checkpoint_once_and_stay_tied(tmp_path: Path) -> None:
    from safetensors import safe_open

    torch.manual_seed(0)
    straight, broken = Tied(), Tied()
    broken.load_state_dict(straight.state_dict())
    one_run(straight, course(tmp_path / "straight", 3))
    one_run(broken, course(tmp_path / "broken", 1))
    again = Tied()
    history = one_run(again, course(tmp_path / "broken", 3))
    with safe_open(tmp_path / "broken" / epochs.CHECKPOINT, "pt") as file:
        names = [name for name in file.keys() if name.startswith("best.")]  # noqa: SIM118

    assert [e.number for e in history] == [1, 2, 3]
    assert names == ["best.one.weight"]
    assert again.other.weight is again.one.weight
    # the best weights are those of the first epoch, whose score no later one beat
    assert torch.equal(again.one.weight, straight.one.weight)
    assert not torch.equal(again.one.weight, Tied().one.weight)


@pytest.mark.parametrize("other", [torch.nn.Linear(2, 2), torch.nn.Sequential(Tied())])
def test_a_checkpoint_of_another_network_is_one_clear_error(
    other: torch.nn.Module, tmp_path: Path
) -> None:
    one_run(Tied(), course(tmp_path, 1))

    with pytest.raises(DatakitError, match="other weights than the network has, such as") as caught:
        one_run(other, course(tmp_path, 2))
    assert "\n" not in str(caught.value)


def test_progress_names_the_score_as_it_is_told_to(tmp_path: Path) -> None:
    told: list[str] = []
    one_run(Tied(), course(tmp_path / "a", 1, told))
    percent = dataclasses.replace(course(tmp_path / "b", 1, told), show="{:.0%} right".format)
    one_run(Tied(), percent)

    assert [line.split(", ")[1] for line in told] == ["score 0.5000", "50% right"]


def test_the_learning_rate_rises_and_falls() -> None:
    factors = [epochs.warm_up_then_linear(i, 10, 0.2) for i in range(10)]

    assert factors[:3] == [0.5, 1.0, 1.0]
    assert factors[2:] == sorted(factors[2:], reverse=True)
    assert factors[-1] > 0 == epochs.warm_up_then_linear(10, 10, 0.2)


# --- ensembles and other jobs ------------------------------------------------------------------


def test_an_ensemble_averages_the_probabilities(encoder: str, data: Path, tmp_path: Path) -> None:
    made = train(job("pair", encoder, data, tmp_path / "m", seeds=2))
    lines = [document(i).lines for i in range(3)]
    single = [np.stack(logits_of(m, lines)).astype(np.float64) for m in made.members]
    mean = np.mean([1 / (1 + np.exp(-x)) for x in single], axis=0)

    assert not np.allclose(single[0], single[1])
    np.testing.assert_allclose(1 / (1 + np.exp(-np.stack(logits_of(made, lines)))), mean)
    assert isinstance(model.load(tmp_path / "m"), model.TrainedModel)
    assert made.training["seeds"] == [0, 1]


def logits_of(found: Any, documents: Any) -> list[np.ndarray]:
    return [raw.logits for raw in found.raw(documents)]


def test_all_data_leaves_no_test_documents_and_says_so(
    encoder: str, data: Path, tmp_path: Path
) -> None:
    made = train(job("pair", encoder, data, tmp_path / "m", all_data=True))

    assert made.training["data"][0]["test"] == 0
    assert made.training["tested_on"] == "dev"
    assert "too good" in (tmp_path / "m" / "README.md").read_text("utf-8")


def test_an_encoder_can_be_fine_tuned_and_is_then_stored(
    encoder: str, data: Path, tmp_path: Path
) -> None:
    settings = {**FAST["hierarchical"], "encoder": encoder, "fine_tune": True, "epochs": 1}
    made = train(job("hierarchical", encoder, data, tmp_path / "m", settings=settings))
    loaded = model.load(tmp_path / "m")
    before = hierarchical.models.load_encoder(encoder, max_length=32).encode(["the price"])
    lines = [document(1).lines]

    assert isinstance(loaded, model.TrainedModel)
    after = loaded.members[0].encoder.encode(["the price"])  # type: ignore[attr-defined]
    assert np.abs(before - after).max() > 1e-5
    np.testing.assert_allclose(
        loaded.probabilities(lines)[0], made.probabilities(lines)[0], atol=1e-6
    )


def test_a_frozen_encoder_with_other_weights_is_refused(data: Path, tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "encoder")
    train(job("hierarchical", str(folder), data, tmp_path / "m"))
    hierarchical.models.load_encoder.cache_clear()
    model._load.cache_clear()
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)

    with pytest.raises(DatakitError, match="the segmentation model was trained on"):
        model.load(tmp_path / "m")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"arch": "hierarchical-ish"}, UnknownName, "Did you mean 'hierarchical'"),
        ({"settings": {"epoch": 3}}, PlanError, "pair has no setting 'epoch'. Did you mean"),
        ({"settings": {"sampling": "random walk"}}, PlanError, "pair: sampling = 'random walk'"),
        ({"settings": {"epochs": 0}}, PlanError, "at least 1"),
        ({"seeds": 0}, UsageError, "seeds is 0"),
        ({"settings": {"encoder": "no/such"}}, DatakitError, "neither a folder nor in the local"),
    ],
)
def test_a_job_that_cannot_be_is_one_clear_error(
    changes: dict[str, Any], error: type[DatakitError], words: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        train(dataclasses.replace(Job((data,), tmp_path / "m", "pair"), **changes))


def test_too_few_documents_are_one_clear_error(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "few.jsonl", 1)

    with pytest.raises(DatakitError, match=r"found \d documents for (train|dev) \(of 1"):
        train(Job((path,), tmp_path / "m", "pair"))


def test_a_given_licence_goes_before_the_one_beside_the_data(data: Path) -> None:
    assert licences([data], {}) == {"made": "Licence: CC0."}
    assert licences([data / "docs.jsonl"], {"made": "MIT", "other": "BSD"}) == {
        "made": "MIT",
        "other": "BSD",
    }


# --- calibration -------------------------------------------------------------------------------


def test_the_condition_is_read_off_the_lines() -> None:
    for i in range(5):
        one, chinese = document(i), document(i, chinese=True)
        found = [calibration.condition(one.variant(v).lines) for v in VARIANTS]
        of_chinese = [calibration.condition(chinese.variant(v).lines) for v in VARIANTS]

        assert found == ["marked", "plain", "stripped"]
        assert of_chinese == ["marked-cjk", "plain-cjk", "stripped-cjk"]
    assert calibration.is_like_heading(Line("第三章 附则"))
    assert not calibration.is_like_heading(Line("公司应当依法经营。"))


@pytest.mark.parametrize("chinese", [False, True])
@pytest.mark.parametrize("shown", [False, True])
def test_whether_headings_show_can_be_said_but_marks_go_before_it(
    shown: bool, chinese: bool
) -> None:
    ending = "-cjk" * chinese
    one = document(1, chinese=chinese)
    found = [calibration.condition(one.variant(v).lines, shown) for v in VARIANTS]
    plain = "plain" if shown else "stripped"

    assert found == ["marked" + ending, plain + ending, plain + ending]
    assert calibration.condition([], shown) == plain


@pytest.mark.parametrize(
    ("texts", "cjk"),
    [
        (["公司应当依法经营。"], True),
        (["サービスをりようする"], True),
        (["이용 약관에 동의합니다"], False),
        (["You may cancel."], False),
        (["公司 abcd"], False),
        (["公司 abc"], False),  # two of six are just a third
        (["公司 ab"], True),
        ([], False),
        ([""], False),
        (["one line in English, as long as sixty characters or more are" + "公" * 200], False),
        (
            ["第一条"] * 30 + ["a long English quotation, of which sixty characters count"] * 10,
            False,
        ),
        (["本法自公布之日起施行，由国务院负责解释。"] * 90 + ["In English"] * 90, True),
    ],
)
def test_a_document_is_cjk_from_a_third_of_its_characters_on(texts: list[str], cjk: bool) -> None:
    assert calibration.is_cjk([Line(text) for text in texts]) == cjk


def test_platt_scaling_finds_the_scale_that_was_used() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(-1, 2, (400, 11))
    gold = [rng.random(11) < 1 / (1 + np.exp(-x)) for x in true]
    raw = [Raw(np.stack([(x - 1) / 3, (x - 1) / 3], axis=1), "stripped") for x in true]
    fitted = calibration.fit(raw, dict.fromkeys(DEPTHS, gold))
    p = np.concatenate([fitted(x)[:, 0] for x in raw])
    before = np.concatenate([1 / (1 + np.exp(-x.logits[:, 0])) for x in raw])
    flat = np.concatenate(gold)
    error = calibration.calibration_error(calibration.reliability(p, flat))

    assert fitted.scales["stripped"]["section"] == pytest.approx((3, 1), abs=0.3)
    assert error < 0.03 < calibration.calibration_error(calibration.reliability(before, flat))
    assert calibration.Calibration.from_json(json.loads(json.dumps(fitted.as_json()))) == fitted


def test_each_condition_has_a_scale_of_its_own() -> None:
    """The writing counts as much as what is shown: each pair of numbers is found again."""
    rng = np.random.default_rng(0)
    of: dict[Condition, tuple[float, float]] = {
        c: (1.0 + 0.5 * i, -1.0 + 0.4 * i) for i, c in enumerate(calibration.CONDITIONS)
    }
    raw, gold = [], []
    for condition, (slope, intercept) in of.items():
        for _ in range(300):
            x = rng.normal(0, 1.5, (11, 2))
            raw.append(Raw(x, condition))
            gold.append(rng.random((11, 2)) < 1 / (1 + np.exp(-(x * slope + intercept))))
    truth = {depth: [g[:, i] for g in gold] for i, depth in enumerate(DEPTHS)}
    fitted = calibration.fit(raw, truth)

    for condition, scale in of.items():
        for depth in DEPTHS:
            assert fitted.scales[condition][depth] == pytest.approx(scale, abs=0.3), condition
    same = np.array([[1.0, 1.0]])
    p = [float(fitted(Raw(same, c))[0, 0]) for c in calibration.CONDITIONS]
    assert np.diff(p).min() > 0.01


def test_a_condition_without_enough_boundaries_takes_the_numbers_of_all() -> None:
    rng = np.random.default_rng(0)
    conditions: list[Condition] = ["stripped"] * 60 + ["stripped-cjk"] * 38 + ["plain-cjk"] * 2
    raw = [Raw(rng.normal(0, 1, (11, 2)), c) for c in conditions]
    gold = [x.logits[:, 0] + rng.normal(0, 1, 11) > 0 for x in raw]
    found = calibration.fit(raw, dict.fromkeys(DEPTHS, gold)).scales
    scales = {c: of["section"] for c, of in found.items()}

    assert scales["marked"] == scales["marked-cjk"] == scales["plain-cjk"] != (1.0, 0.0)
    assert len({scales[c] for c in ("marked", "stripped", "stripped-cjk")}) == 3
    nothing = [np.zeros(11, bool)] * len(raw)
    none = calibration.fit(raw, dict.fromkeys(DEPTHS, nothing))
    assert none == calibration.Calibration.none()


def test_the_best_threshold_is_between_the_two_probabilities() -> None:
    p = [np.array([0.9, 0.2, 0.6]), np.array([0.4, 0.6])]
    gold = [np.array([True, False, True]), np.array([False, True])]

    assert calibration.best_f1(p, gold) == (pytest.approx(0.5), 1.0)
    assert calibration.best_f1([p[0]], [gold[0] & False]) == (0.5, 0.0)
    assert calibration.best_f1([], []) == (0.5, 0.0)


def test_thresholds_for_f1_and_for_pk_are_chosen_for_each_condition() -> None:
    conditions: list[Condition] = ["marked", "plain", "stripped", "stripped-cjk"]
    low: dict[Condition, float] = dict(zip(conditions, (0.12, 0.22, 0.02, 0.32), strict=True))
    some = [(document(i).variant("stripped"), c) for c in conditions for i in range(4)]
    forms = [one for one, _ in some]
    p = [
        np.stack([np.where(one.gold(d), low[c] + 0.33, low[c]) for d in DEPTHS], axis=1)
        for one, c in some
    ]
    chosen = choose_thresholds(forms, p, [c for _, c in some])
    of_all = choose_thresholds(forms, p, ["marked"] * len(forms))

    for kind, thresholds in chosen.items():
        assert set(thresholds.values) == set(calibration.CONDITIONS)
        for condition, at in low.items():  # half-way between the two
            half = dict.fromkeys(DEPTHS, pytest.approx(at + 0.17))
            assert thresholds.values[condition] == half, condition
        assert thresholds.values["marked-cjk"] == of_all[kind].values["marked"]  # of no document


def test_a_threshold_that_is_best_by_itself_is_not_chosen() -> None:
    """At 0.80 all is right, above it nothing is found, below it one gap of all is wrong."""
    forms = [document(i).variant("stripped") for i in range(6)]
    p = [np.stack([np.where(one.gold(d), 0.8, 0.05) for d in DEPTHS], axis=1) for one in forms]
    p[0][np.flatnonzero(~forms[0].gold("subsection"))[0]] = 0.795
    for thresholds in choose_thresholds(forms, p, ["stripped"] * len(forms)).values():
        for depth in DEPTHS:
            assert 0.2 < thresholds.values["stripped"][depth] < 0.76


def test_a_large_set_does_not_choose_the_threshold_for_the_others() -> None:
    """Ten documents are right from 0.6 on, and half wrong below; two are right from 0.3 on."""
    forms = [document(i).variant("stripped") for i in range(12)]
    p = []
    for i, one in enumerate(forms):
        of = [one.gold(depth) for depth in DEPTHS]
        wrong = [np.cumsum(~gold) <= 4 for gold in of]
        large = [np.where(g, 0.6, np.where(w, 0.45, 0.05)) for g, w in zip(of, wrong, strict=True)]
        small = [np.where(g, 0.3, 0.05) for g in of]
        p.append(np.stack(large if i < 10 else small, axis=1))
    conditions: list[Condition] = ["stripped"] * 12
    of_sets = choose_thresholds(forms, p, conditions, ["large"] * 10 + ["small"] * 2)
    of_documents = choose_thresholds(forms, p, conditions)

    assert 0.05 < of_sets["F1-Pk"].values["stripped"]["section"] <= 0.3
    assert 0.45 < of_documents["F1-Pk"].values["stripped"]["section"] <= 0.6

    hardly = [*["large"] * 10, "small", "small"]  # two of forty-two
    more = [*forms[:10], *forms[:10], *forms[:10], *forms[:10], *forms[10:]]
    of_more = [*p[:10], *p[:10], *p[:10], *p[:10], *p[10:]]
    found = choose_thresholds(more, of_more, ["stripped"] * 42, ["large"] * 30 + hardly)
    assert 0.45 < found["F1-Pk"].values["stripped"]["section"] <= 0.6


# --- loading -----------------------------------------------------------------------------------


@pytest.fixture
def folder(trained: tuple[Job, model.TrainedModel], tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(trained[0].out, tmp_path / "copy"))


def changed(folder: Path, **values: Any) -> None:
    path = folder / model.CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **values}), "utf-8")


def resigned(folder: Path, content: bytes) -> None:
    """Other weights, and a config that expects them."""
    import hashlib

    (folder / model.WEIGHTS).write_bytes(content)
    changed(folder, weights_sha256=hashlib.sha256(content).hexdigest())


def test_a_folder_without_a_model_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DatakitError, match="found no such folder, expected a folder with"):
        model.load(tmp_path / "none")
    with pytest.raises(DatakitError, match=r"a folder without config\.json"):
        model.load(tmp_path)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"format": "something"}, "format is 'something', expected 'datakit-topic-change'"),
        ({"version": 1}, "version is 1, this datakit reads 2. Train the model again"),
        ({"arch": "lstm"}, "architecture 'lstm' does not exist"),
        ({"settings": {}}, "do not fit each other"),
        ({"members": 2}, "do not fit each other"),
        ({"calibration": {}}, "do not fit each other"),
        ({"thresholds": {"marked": {}}}, "do not fit each other"),
        ({"members": 0}, "members is 0"),
    ],
)
def test_a_wrong_config_is_one_clear_error(
    folder: Path, values: dict[str, Any], words: str
) -> None:
    changed(folder, **values)

    with pytest.raises(DatakitError, match=words) as caught:
        model.load(folder)
    assert "\n" not in str(caught.value)


def test_a_config_that_is_no_json_or_lacks_a_key_is_one_clear_error(folder: Path) -> None:
    config = folder / model.CONFIG
    whole = json.loads(config.read_text("utf-8"))
    config.write_text("{", "utf-8")
    with pytest.raises(DatakitError, match="expected a JSON object, found Expecting"):
        model.load(folder)
    config.write_text(json.dumps({k: v for k, v in whole.items() if k != "settings"}), "utf-8")
    with pytest.raises(DatakitError, match="settings not found"):
        model.load(folder)


def test_wrong_weights_are_one_clear_error(folder: Path) -> None:
    from safetensors.torch import load, save

    path = folder / model.WEIGHTS
    good = path.read_bytes()
    path.write_bytes(good[:-100])
    with pytest.raises(DatakitError, match="the weights are corrupt or those of another model"):
        model.load(folder)
    resigned(folder, good[:-100])
    with pytest.raises(DatakitError, match="no safetensors file"):
        model.load(folder)
    resigned(folder, save({"x": load(good).popitem()[1]}))
    with pytest.raises(DatakitError, match="do not fit each other"):
        model.load(folder)
    path.rename(folder / "pytorch_model.bin")
    with pytest.raises(DatakitError, match=r"found only pytorch_model\.bin, which can hide code"):
        model.load(folder)
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(DatakitError, match="found no weights"):
        model.load(folder)


# --- long documents ----------------------------------------------------------------------------


@pytest.mark.parametrize("n_lines", [0, 1, 2, 8, 9, 14, 100, 101])
def test_pieces_cover_each_gap_once_with_context(n_lines: int) -> None:
    found = list(hierarchical.pieces(n_lines, 8))
    gaps = [gap for _, _, first, last in found for gap in range(first, last)]

    assert gaps == list(range(max(0, n_lines - 1)))
    for start, end, first, last in found:
        assert end - start <= 8
        assert start <= first
        assert last < end or n_lines == 0
        assert first == 0 or first - start >= 2
        assert last == n_lines - 1 or n_lines == 0 or end - last >= 2


# --- the command -------------------------------------------------------------------------------


def test_the_command_trains_and_prints_the_measures(
    encoder: str, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    command = [
        sys.executable, "-W", "error", "-m", "datakit", "train", "segmenter", str(data),
        "--arch", "hierarchical", "--encoder", encoder, "--set", "epochs=1", "--set", "dim=16",
        "--licence", "made=MIT", "-o", str(out),
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )

    assert "epoch 1: loss" in done.stderr
    assert done.stdout.splitlines()[-1] == str(out / "README.md")
    assert len(done.stdout.splitlines()) == 2 + len(VARIANTS) * len(DEPTHS) * 2
    text = (out / "README.md").read_text("utf-8")
    assert "- made: MIT" in text
    assert "datakit train segmenter" in text
    assert model.load(out).identity()["arch"] == "hierarchical"
