"""The card of a retriever: what it was trained on, how good it is, and what it is not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from datakit.segmentation.card import table


@dataclass(frozen=True)
class Training:
    """Everything that the card says; stored beside the weights too."""

    base: str
    base_licence: str
    command: str
    settings: Mapping[str, Any]
    parameters: int
    dataset: str
    content_hash: str
    languages: tuple[str, ...]
    pairs: Mapping[str, int]  # train, dev
    negatives: int  # of the train queries, counted for each pair
    left_out: Mapping[str, int]  # labels by reason
    score_before: float  # held-out reciprocal rank
    scores: tuple[tuple[int, float, float], ...]  # epoch, loss, held-out reciprocal rank
    kept: int  # the epoch whose weights these are
    tested: tuple[Mapping[str, Any], ...]  # as retriever.Tested
    seconds: float  # of the run that finished
    resumed: bool
    versions: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return value


def text(training: Training) -> str:
    """The card as Markdown."""
    return "\n".join([_head(training), _quality(training), _how(training)])


def _head(training: Training) -> str:
    left_out = ", ".join(f"{why} {n:,}" for why, n in sorted(training.left_out.items()) if n)
    data = f"`{training.dataset}`, {training.content_hash or 'no content hash'}"
    return f"""# Retriever

A bi-encoder: cosines of its vectors rank passages for queries. Trained from {training.base}
(licence: {training.base_licence}); {training.parameters:,} parameters. A passage is read with its
title before it; neither side has a prefix.

```toml
[[retrieve]]
use = "dense"
model = "FOLDER"
```

## Data

Dataset {data}: {training.pairs["train"]:,} pairs of
train queries and {training.pairs["dev"]:,} of dev queries, labels
`{training.settings["labels"]}`, {training.negatives:,} negatives. Labels left out:
{left_out or "none"}. The licence of a trained model follows that of its data: see the dataset's
documents.
"""


def _quality(training: Training) -> str:
    rows: list[tuple[Any, ...]] = [("before", "", f"{training.score_before:.4f}")]
    rows += [
        (f"{number}{' (kept)' if number == training.kept else ''}", f"{loss:.4f}", f"{score:.4f}")
        for number, loss, score in training.scores
    ]
    held = "Held-out queries chose the epoch" if training.pairs["dev"] else (
        "There was no dev query: the first train queries chose the epoch, which says nothing of "
        "other queries"
    )  # fmt: skip
    columns = ("set", "queries", "BM25", "before", "after", "gain", "p", "over BM25", "p")
    return f"""## Quality

{held}; the score is the reciprocal rank of their passages among each
other and their negatives.

{table(("epoch", "loss", "held-out RR"), rows)}
nDCG@10 on test queries, whole corpora; p of a paired randomisation test.

{table(columns, _tested(training))}"""


def _tested(training: Training) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for one in training.tested:
        gain, over = one["gain"], one["over_bm25"]
        rows.append((
            one["name"], one["n"], f"{one['bm25']:.4f}", f"{one['before']:.4f}",
            f"{one['after']:.4f}", _with_interval(gain), f"{gain['p']:.4f}", _with_interval(over),
            f"{over['p']:.4f}",
        ))  # fmt: skip
    return rows or [("none", 0, "", "", "", "", "", "", "")]


def _with_interval(one: Mapping[str, Any]) -> str:
    return f"{one['value']:+.4f} [{one['low']:+.4f}, {one['high']:+.4f}]"


def _how(training: Training) -> str:
    settings = json.dumps(training.settings, ensure_ascii=False)
    versions = ", ".join(f"{name} {version}" for name, version in training.versions.items())
    resumed = ", without what came before an interruption" if training.resumed else ""
    return f"""## Training

```
{training.command or "datakit train retriever"}
```

{training.seconds:,.0f} s{resumed}; {versions}.

{settings}

## Limits

- Trained on {", ".join(training.languages) or "text without a language"}; elsewhere it is a guess
  until measured.
- It learns what the labels say, their faults and gaps too. Queries that rules extracted teach it
  to match their words.
- A test on the dataset's own test queries shows that it has learned the task, not that people's
  queries gain by it: give a set of people's with `--test`.
"""
