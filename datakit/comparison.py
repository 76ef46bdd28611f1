"""Two builds of the same documents, compared: which one is better by a metric named beforehand.

Each metric has a value per unit that both builds share: a seed passage (a document, where the two
are cut otherwise), or a test query. The differences are tested by paired randomisation; all but
the primary metric are corrected together.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datakit.calibration.sampling import Pair, draws
from datakit.dataset import Dataset
from datakit.errors import UnknownName, UsageError
from datakit.gates.gate import kendall
from datakit.gates.ground import Ground, read
from datakit.gates.labels import automatic_positives
from datakit.records import Passage, Query, seed_for
from datakit.significance import LEVEL, Difference, difference, holm, randomisation

if TYPE_CHECKING:
    import numpy as np

# metric -> what it is, and whether more of it is better
METRICS: dict[str, tuple[str, bool]] = {
    "precision": ("share of judged automatic labels that are right, by seed", True),
    "yield": ("queries by seed", True),
    "coverage": ("seeds with a query", True),
    "forms": ("forms of query by seed", True),
    "leak": ("share of a query's words in its seed", False),
    "utility": ("nDCG@10 on a third set of an encoder trained on each", True),
}
SEEDS = 3  # trainings of each build
Say = Callable[[str], None]
Values = dict[str, float]  # by unit


@dataclass(frozen=True)
class Utility:
    """The training of an encoder on each build."""

    test: Path  # a third dataset, which neither built
    settings: Mapping[str, Any]  # of training.contrast.Settings
    steps: int = 200
    seeds: int = SEEDS


@dataclass(frozen=True)
class Row:
    """One metric of both."""

    metric: str
    about: str
    a: float | None = None
    b: float | None = None
    found: Difference | None = None  # B - A
    p_corrected: float | None = None  # of a secondary metric, Holm
    reason: str = ""  # why there is no difference to test


@dataclass(frozen=True)
class Comparison:
    """All metrics, the verdict, and what is only reported."""

    primary: str
    rows: tuple[Row, ...]
    discrimination: Mapping[str, Any]
    verdict: str  # "A better", "B better", "no difference shown"


def compare(
    a: Dataset,
    b: Dataset,
    primary: str,
    utility: Utility | None = None,
    seed: int = 13,
    say: Say = lambda line: None,
) -> Comparison:
    """Compare two builds.

    Args:
        a: the one.
        b: the other, of the same documents.
        primary: the metric that decides, named before anything is looked at.
        utility: train encoders; None: the metric `utility` is not there.
        seed: of permutations and samples.
        say: told what training does.

    Raises:
        UnknownName: there is no such metric.
        UsageError: the documents differ, or the primary metric cannot be had.
    """
    if primary not in METRICS:
        raise UnknownName("metric", primary, METRICS)
    if primary == "utility" and utility is None:
        raise UsageError("--primary utility needs a third set to test on: --test DATASET.")
    _same_documents(a, b)
    by_document = _cut_otherwise(a, b)
    one, other = _Side(a, by_document), _Side(b, by_document)
    values: dict[str, tuple[Values, Values] | str] = {
        "precision": _precisions(one, other),
        **{
            name: (one.values(name), other.values(name))
            for name in ("yield", "coverage", "forms", "leak")
        },
    }
    if utility is not None:
        values["utility"] = _utilities(a, b, utility, say)
    rows = [_row(name, found, seed) for name, found in values.items()]
    first = next(row for row in rows if row.metric == primary)
    if first.found is None:
        raise UsageError(f"the primary metric {primary!r} has no value: {first.reason}.")
    corrected = holm({
        row.metric: row.found.p for row in rows if row.found is not None and row is not first
    })  # fmt: skip
    rows = [_with(row, corrected.get(row.metric)) for row in rows]
    order = sorted(rows, key=lambda row: (row.metric != primary, list(METRICS).index(row.metric)))
    return Comparison(primary, tuple(order), _discrimination(one, other, seed), _verdict(first))


def _same_documents(a: Dataset, b: Dataset) -> None:
    for one in (a, b):
        if "document" not in one or "query" not in one:
            raise UsageError(f"{one.path} has no documents or no queries: compare two builds.")
    if a.digest("document") != b.digest("document"):
        raise UsageError(
            f"{a.path} and {b.path} were built from different documents "
            f"({a.count('document'):,} and {b.count('document'):,}): nothing can be paired. Build "
            "both from the same sources."
        )


def _cut_otherwise(a: Dataset, b: Dataset) -> bool:
    return a.digest("passage") != b.digest("passage")


def _verdict(row: Row) -> str:
    found = row.found
    if found is None or found.p >= LEVEL or found.value == 0:
        return "no difference shown"
    return "B better" if (found.value > 0) == METRICS[row.metric][1] else "A better"


def _with(row: Row, p_corrected: float | None) -> Row:
    return Row(row.metric, row.about, row.a, row.b, row.found, p_corrected, row.reason)


def _row(name: str, values: tuple[Values, Values] | str, seed: int) -> Row:
    import numpy as np

    about = METRICS[name][0]
    if isinstance(values, str):
        return Row(name, about, reason=values)
    units = sorted(values[0].keys() & values[1].keys())
    if len(units) < 2:
        return Row(name, about, reason=f"{len(units)} units in both")
    a, b = (np.array([one[unit] for unit in units]) for one in values)
    found = difference(a, b, seed_for(seed, "compare", name))
    return Row(name, about, float(a.mean()), float(b.mean()), found)


# --- values by unit -----------------------------------------------------------------------


class _Side:
    """One build: its evidence, and its queries by the unit that they were written from."""

    def __init__(self, dataset: Dataset, by_document: bool) -> None:
        self.dataset = dataset
        self.ground: Ground = read(dataset)
        passages: Iterator[Passage] = dataset.read("passage")
        self.texts = {one.passage_id: one for one in passages}
        self.unit_of = {key: one.doc_id if by_document else key for key, one in self.texts.items()}
        self.units = sorted(set(self.unit_of.values()))
        self.queries: dict[str, list[Query]] = defaultdict(list)
        for query in self.ground.queries.values():
            for unit in {self.unit_of[s] for s in query.seed_passage_ids if s in self.unit_of}:
                self.queries[unit].append(query)

    def values(self, metric: str) -> Values:
        if metric == "yield":
            return {unit: float(len(self.queries[unit])) for unit in self.units}
        if metric == "coverage":
            return {unit: float(bool(self.queries[unit])) for unit in self.units}
        asked = {unit: found for unit in self.units if (found := self.queries[unit])}
        if metric == "forms":
            return {unit: float(len({q.form for q in found})) for unit, found in asked.items()}
        return {unit: sum(map(self._copied, found)) / len(found) for unit, found in asked.items()}

    def _copied(self, query: Query) -> float:
        """The share of the query's words that its seeds have."""
        from datakit.text import words

        own = set(words(query.text, query.language))
        held: set[str] = set()
        for seed in query.seed_passage_ids:
            if seed in self.texts:
                held |= set(words(self.texts[seed].text, query.language))
        return len(own & held) / max(1, len(own))

    def precisions(self) -> Values:
        """By unit, of the labels of its queries that a judge or a person graded."""
        truth = dict(self.ground.judge) | dict(self.ground.people)
        right: dict[str, list[bool]] = defaultdict(list)
        labels: dict[str, list[Pair]] = defaultdict(list)
        for pair in automatic_positives(self.ground):
            labels[pair[0]].append(pair)
        for unit in self.units:
            for query in self.queries[unit]:
                for pair in labels[query.query_id]:
                    if pair in truth:
                        right[unit].append(truth[pair] >= self.ground.relevant_from)
        return {unit: sum(found) / len(found) for unit, found in right.items()}


def _precisions(a: _Side, b: _Side) -> tuple[Values, Values] | str:
    judges = [sorted(side.ground.by_assessor) for side in (a, b)]
    if not (a.ground.judge or a.ground.people) or not (b.ground.judge or b.ground.people):
        return "labels of one build, or of both, are not judged: --pairs-out says which to judge"
    if judges[0] != judges[1]:
        return "the two builds were judged by different judges"
    return a.precisions(), b.precisions()


def write_pairs(a: Dataset, b: Dataset, folder: Path, budget: int, seed: int = 13) -> list[Path]:
    """Equally many labels of each build, at random, for `datakit judge OUT --pairs FILE`.

    A judge sees a pair and neither its source nor its build.
    """
    files = []
    labels = [sorted(automatic_positives(read(one))) for one in (a, b)]
    n = min(budget, *map(len, labels))
    folder.mkdir(parents=True, exist_ok=True)
    for name, pairs in zip("ab", labels, strict=True):
        numbers = draws(pairs, seed, "compare/pairs").tolist()
        drawn = [pair for _, pair in sorted(zip(numbers, pairs, strict=True))[:n]]
        file = folder / f"{name}.jsonl"
        lines = [json.dumps({"query_id": q, "passage_id": p}) + "\n" for q, p in drawn]
        file.write_text("".join(lines), "utf-8")
        files.append(file)
    return files


def _utilities(a: Dataset, b: Dataset, utility: Utility, say: Say) -> tuple[Values, Values]:
    """By test query, the mean over trainings with different seeds."""
    from datakit.training import testing

    tested = testing.labelled_set(Dataset.open(utility.test))
    found = []
    for name, dataset in zip("AB", (a, b), strict=True):
        runs = []
        for seed in range(utility.seeds):
            say(f"{name}: training {seed + 1} of {utility.seeds}")
            runs.append(_trained(dataset, utility, tested, seed))
        mean = sum(runs[1:], runs[0]) / len(runs)
        found.append({q.query_id: float(v) for q, v in zip(tested.queries, mean, strict=True)})
    return found[0], found[1]


def _trained(dataset: Dataset, utility: Utility, tested: Any, seed: int) -> np.ndarray:
    from datakit import registry
    from datakit.training import contrast, testing
    from datakit.training.retriever import start
    from datakit.training.triples import read as examples

    raw = {"arch": "bag", **utility.settings, "steps": utility.steps}
    settings = registry.checked(contrast.Settings, "retriever", raw)
    triples = examples(dataset, settings.labels, settings.negatives > 0)
    model, _ = start(settings, triples, seed)
    contrast.fit_steps(model, triples, settings, seed)
    return testing.with_encoder(tested, lambda texts: contrast.encode(model, texts))


# --- reported -----------------------------------------------------------------------------


def _discrimination(a: _Side, b: _Side, seed: int) -> dict[str, Any]:
    """How many pairs of systems each build tells apart, and tau between their rankings."""
    tables = [_table(side.ground) for side in (a, b)]
    names = sorted(tables[0].keys() & tables[1].keys())
    if len(names) < 2:
        return {"reason": f"{len(names)} systems in both; 2 are needed"}
    means = [[float(table[name].mean()) for name in names] for table in tables]
    import numpy as np

    return {
        "systems": names,
        "separated": [_separated(table, names, seed) for table in tables],
        "tau": kendall(np.array(means[0]), np.array(means[1])),
    }


def _table(ground: Ground) -> dict[str, np.ndarray]:
    systems, asked = ground.main()
    labels = ground.labels()
    return {one.name: ground.ndcg(one, labels, asked) for one in systems} if asked else {}


def _separated(table: Mapping[str, np.ndarray], names: Sequence[str], seed: int) -> float:
    """The share of pairs of systems whose difference is shown, Holm over the pairs."""
    p = {
        f"{x} {y}": randomisation(table[x] - table[y], seed_for(seed, "compare", f"{x} {y}"))
        for i, x in enumerate(names) for y in names[i + 1 :]
    }  # fmt: skip
    return sum(value < LEVEL for value in holm(p).values()) / len(p)


# --- as text ------------------------------------------------------------------------------


def lines(found: Comparison) -> Iterator[str]:
    """The comparison as a table and a verdict."""
    for row in found.rows:
        role = "primary" if row.metric == found.primary else "secondary"
        head = f"{row.metric:<10} {role:<9} "
        if row.found is None:
            yield head + f"not established: {row.reason}"
            continue
        one = row.found
        corrected = "" if row.p_corrected is None else f", {row.p_corrected:.4f} by Holm"
        yield head + (
            f"A {row.a:.3f}, B {row.b:.3f}, B - A {one.value:+.3f} [{one.low:+.3f}, "
            f"{one.high:+.3f}], p {one.p:.4f}{corrected}, n={one.n}, detectable "
            f"{one.detectable:.3f}; {row.about}"
        )
    rest = found.discrimination
    if "reason" in rest:
        yield f"discrimination not established: {rest['reason']}"
    else:
        a, b = rest["separated"]
        yield (
            f"discrimination: pairs of {len(rest['systems'])} systems told apart A {a:.2f}, "
            f"B {b:.2f}; Kendall tau between the two rankings {rest['tau']:.2f}"
        )
    yield f"verdict: {found.verdict}" + _detectable(found)


def _detectable(found: Comparison) -> str:
    one = found.rows[0].found
    if found.verdict != "no difference shown" or one is None:
        return f" by {found.primary}"
    return f" by {found.primary}; minimum detectable effect {one.detectable:.3f}"


def as_json(found: Comparison) -> dict[str, Any]:
    from dataclasses import asdict

    value: dict[str, Any] = json.loads(json.dumps(asdict(found)))
    return value
