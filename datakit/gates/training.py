"""G12 training utility: does an encoder gain by the labels and the negatives that were mined?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datakit.dataset import Dataset
from datakit.errors import DatasetError
from datakit.gates.gate import Gate
from datakit.records import seed_for

if TYPE_CHECKING:
    import numpy as np

TITLE = "training utility"
# what the same encoder is trained on, for equally many steps
FORMS: dict[str, dict[str, Any]] = {
    "direct labels": {"labels": "direct", "negatives": 0},
    "+ mined labels": {"labels": "all", "negatives": 0},
    "+ mined negatives": {"labels": "all", "negatives": 2},
}


@dataclass(frozen=True)
class Trial:
    """What is trained, and on what it is tested besides the dataset's own test queries."""

    settings: Mapping[str, Any] = field(default_factory=dict)  # of training.contrast.Settings
    steps: int = 200
    tests: tuple[Path, ...] = ()
    seed: int = 0


def not_asked() -> Iterator[Gate]:
    why = "not asked for: datakit verify OUT --training"
    yield Gate("G12", TITLE, "nDCG@10 gained by mined labels", reason=why)


def training_utility(dataset: Dataset, trial: Trial, say: Callable[[str], None]) -> Iterator[Gate]:
    """G12: same encoder and steps on direct labels, plus mined labels, plus mined negatives."""
    from datakit.training import testing

    metrics = [f"nDCG@10 of {form}" for form in list(FORMS)[1:]]
    try:
        sets = [testing.labelled_set(Dataset.open(path)) for path in trial.tests]
        if any(split == "test" for split in dataset.manifest.get("splits", {})):
            sets.insert(0, testing.labelled_set(dataset))
        if not sets:
            raise DatasetError("no test split, and no other set to test on")
        trained = {form: _trained(dataset, trial, values, sets, say, form)
                   for form, values in FORMS.items()}  # fmt: skip
    except DatasetError as error:
        yield Gate("G12", TITLE, metrics[0], reason=str(error))
        return
    yield from _rows(trial, sets, trained)


def _rows(trial: Trial, sets: list[Any], trained: Mapping[str, list[np.ndarray]]) -> Iterator[Gate]:
    from datakit.significance import difference

    first, *more = FORMS
    for at, tested in enumerate(sets):
        before = trained[first][at]
        for form in more:
            metric = f"nDCG@10 gained by {form} over {first}, on {tested.name}"
            if len(before) < 2:
                yield Gate("G12", TITLE, metric, n=len(before), reason="fewer than 2 test queries")
                continue
            seed = seed_for(trial.seed, "verify/training", metric)
            found = difference(before, trained[form][at], seed)
            said = f"{before.mean():.3f} to {trained[form][at].mean():.3f}, p {found.p:.4f}"
            yield Gate(
                "G12", TITLE, metric, found.value, found.low, found.high, found.n, None,
                "pass" if found.low > 0 else "fail",
                said if found.low > 0 else f"{said}; the interval is not above 0",
            )  # fmt: skip


def _trained(
    dataset: Dataset,
    trial: Trial,
    form: Mapping[str, Any],
    sets: list[Any],
    say: Callable[[str], None],
    name: str,
) -> list[np.ndarray]:
    """nDCG@10 by query on each test set of an encoder trained on one form of the data."""
    from datakit import registry
    from datakit.training import contrast, testing
    from datakit.training.retriever import start
    from datakit.training.triples import read

    raw = {"arch": "bag", **trial.settings, **form, "steps": trial.steps}
    settings = registry.checked(contrast.Settings, "retriever", raw)
    triples = read(dataset, settings.labels, settings.negatives > 0)
    say(f"{name}: {len(triples.train):,} pairs, {trial.steps:,} steps")
    model, _ = start(settings, triples, trial.seed)
    contrast.fit_steps(model, triples, settings, trial.seed)
    return [testing.with_encoder(one, lambda texts: contrast.encode(model, texts)) for one in sets]
