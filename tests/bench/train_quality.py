"""Train the scorer of extractive queries from verdicts of readers.

    python tests/bench/train_quality.py VERDICTS.jsonl [--out datakit/generators/weights]

VERDICTS has one judged query a line: `features` (as `_quality_features.features` gives them),
`good` (true or false), `group` (company or document, kept together), `language`, `level` and
`weight`. It stays outside the project: it is made of documents of others. Writes `quality.json`
and prints, by cross-validation over groups, what share of the queries above a probability a
reader accepted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from datakit.generators._quality import FORMAT

FOLDS = 6
STRENGTH = 0.1  # inverse of the L2 penalty; of 0.03, 0.1 and 0.3 the best log loss
LEAST_SEEN = 3  # verdicts that must have a feature
SHARES = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3)
CUTS = (0.7, 0.75, 0.8, 0.84, 0.86, 0.88, 0.9)


def matrix(rows: list[dict[str, Any]]) -> tuple[np.ndarray, list[str]]:
    """Features as (n_rows, n_names) float64, and the names of the columns."""
    seen = Counter(name for row in rows for name in row["features"])
    names = sorted(name for name, count in seen.items() if count >= LEAST_SEEN)
    column = {name: i for i, name in enumerate(names)}
    cells = np.zeros((len(rows), len(names)))
    for i, row in enumerate(rows):
        for name, value in row["features"].items():
            if name in column:
                cells[i, column[name]] = value
    return cells, names


def fitted(cells: np.ndarray, good: np.ndarray, weight: np.ndarray) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=STRENGTH, max_iter=3000).fit(cells, good, sample_weight=weight)


def held_out(
    rows: list[dict[str, Any]], cells: np.ndarray, good: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """The probability of each query by a model that saw none of its group."""
    fold = np.array(
        [int(hashlib.sha256(row["group"].encode()).hexdigest(), 16) % FOLDS for row in rows]
    )
    found = np.zeros(len(rows))
    for k in range(FOLDS):
        model = fitted(cells[fold != k], good[fold != k], weight[fold != k])
        found[fold == k] = model.predict_proba(cells[fold == k])[:, 1]
    return found


def curve(found: np.ndarray, good: np.ndarray) -> str:
    """Share accepted among the best part, and above each cut with the part that is kept."""
    order = good[np.argsort(-found, kind="stable")]
    best = " ".join(f"{order[: max(1, int(s * len(order)))].mean():.2f}" for s in SHARES)
    cuts = " ".join(
        f"{good[found >= cut].mean():.2f}@{(found >= cut).mean():.2f}"
        for cut in CUTS
        if (found >= cut).any()
    )
    return f"n {len(good)} | best {SHARES}: {best} | above {CUTS}: {cuts}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verdicts", type=Path)
    parser.add_argument("--out", type=Path, default=Path("datakit/generators/weights"))
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.verdicts.open(encoding="utf-8")]
    cells, names = matrix(rows)
    good = np.array([bool(row["good"]) for row in rows])
    weight = np.array([float(row["weight"]) for row in rows])
    found = held_out(rows, cells, good, weight)
    print("all", curve(found, good))
    for language, level in sorted({(row["language"], row["level"]) for row in rows}):
        mask = np.array([(row["language"], row["level"]) == (language, level) for row in rows])
        print(language, level, curve(found[mask], good[mask]))
    model = fitted(cells, good, weight)
    values = zip(names, model.coef_[0], strict=True)
    stored = {
        "format": FORMAT,
        "languages": sorted({row["language"] for row in rows}),
        "verdicts": len(rows),
        "bias": round(float(model.intercept_[0]), 5),
        "weights": {name: round(float(w), 4) for name, w in values if abs(w) >= 5e-4},
    }
    (args.out / "quality.json").write_text(json.dumps(stored, indent=0) + "\n", encoding="utf-8")
    print(len(stored["weights"]), "weights", args.out / "quality.json")


if __name__ == "__main__":
    main()
