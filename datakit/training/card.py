"""The card of a query generator: what it was trained on, how good it is, and what it is not."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from datakit.segmentation.card import table
from datakit.segmentation.train import licences
from datakit.training.pairs import Pair

_LICENCE_LINE = re.compile(r"licen[cs]e:\s*[\"']?([\w.+-]+)", re.I)
_SHOWN = 160  # characters of a passage


@dataclass(frozen=True, slots=True)
class DataSet:
    """What was used of one set in one language."""

    source: str
    language: str
    licence: str
    train: int  # pairs
    dev: int


@dataclass(frozen=True)
class Training:
    """Everything that the card says; stored beside the weights too."""

    base: str
    base_licence: str
    from_config: bool
    command: str
    settings: Mapping[str, Any]
    parameters: int
    data: tuple[DataSet, ...]
    left_out: Mapping[str, int]  # pairs by reason
    loss_before: float  # held out, nats a token
    losses: tuple[tuple[int, float, float], ...]  # epoch, training loss, held-out loss
    kept: int  # the epoch whose weights these are
    samples: tuple[tuple[str, str, str], ...]  # passage, query, what the model writes
    seconds: float  # of the run that finished
    resumed: bool
    versions: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return value


def data_sets(
    pairs: Mapping[str, Sequence[Pair]], data: Sequence[Path], given: Mapping[str, str]
) -> Iterator[DataSet]:
    """The sets by language, each with its licence: as given, or from a SOURCE.txt beside it."""
    said = licences(data, given)
    counts = {
        part: Counter((pair.source, pair.language or "und") for pair in of)
        for part, of in pairs.items()
    }
    for source, language in sorted(counts["train"] | counts["dev"]):
        of = (source, language)
        licence = said.get(source) or "not stated"
        yield DataSet(source, language, licence, counts["train"][of], counts["dev"][of])


def licence_of(folder: Path) -> str:
    """The licence in the card of a checkpoint: `license:` of its front matter."""
    path = folder / "README.md"
    if not path.is_file():
        return "not stated"
    front = path.read_text("utf-8", "replace")[:4000].split("\n---", 1)[0]
    found = _LICENCE_LINE.search(front)
    return found[1] if found else "not stated"


def text(training: Training) -> str:
    """The card as Markdown."""
    return "\n".join([_head(training), _data(training), _quality(training), _how(training)])


def _head(training: Training) -> str:
    started = (
        f"the config and tokenizer of `{training.base}`, with random weights"
        if training.from_config
        else f"`{training.base}`"
    )
    prompt = json.dumps(training.settings["prompt"], ensure_ascii=False)
    return f"""# Query generator

Reads a passage and writes a query that it answers. Trained from {started}
(licence: {training.base_licence}); {training.parameters:,} parameters. It reads the passage as
`{prompt}`; another wording makes its queries worse.

```toml
[[generate]]
use = "t5"
model = "FOLDER"
```
"""


def _data(training: Training) -> str:
    rows = [(d.source, d.language, d.train, d.dev) for d in training.data]
    said = "\n".join(
        f"- {source}: {licence}"
        for source, licence in {d.source: d.licence for d in training.data}.items()
    )
    left_out = ", ".join(f"{reason} {n:,}" for reason, n in sorted(training.left_out.items()) if n)
    return f"""## Data

{table(("set", "language", "pairs", "held out"), rows)}
Pairs of one passage, article or document are either trained on or held out. Left out:
{left_out or "none"}.

Licences:

{said}
"""


def _quality(training: Training) -> str:
    rows: list[tuple[Any, ...]] = [("before", "", f"{training.loss_before:.4f}")]
    rows += [
        (f"{number}{' (kept)' if number == training.kept else ''}", f"{loss:.4f}", f"{held:.4f}")
        for number, loss, held in training.losses
    ]
    samples = [
        tuple(_cell(part) for part in (passage, query, written))
        for passage, query, written in training.samples
    ]
    return f"""## Quality

Loss: negative log-probability of a token, in nats. The held-out pairs chose the epoch.

{table(("epoch", "loss", "held-out loss"), rows)}
Of held-out passages, the most probable query:

{table(("passage", "a person asked", "it writes"), samples)}"""


def _cell(text: str) -> str:
    """One line that is text and no markup."""
    line = " ".join(text.split())
    line = line[:_SHOWN] + "…" * (len(line) > _SHOWN)
    return re.sub(r"([\\`*_<>\[\]&])", r"\\\1", line)


def _how(training: Training) -> str:
    settings = json.dumps(training.settings, ensure_ascii=False)
    versions = ", ".join(f"{name} {version}" for name, version in training.versions.items())
    languages = ", ".join(sorted({d.language for d in training.data}))
    resumed = ", without what came before an interruption" if training.resumed else ""
    return f"""## Training

```
{training.command or "datakit train generator"}
```

{training.seconds:,.0f} s{resumed}; {versions}.

{settings}

## Limits

- Trained on {languages}; in other languages and other kinds of text it is a guess until measured.
- It writes what is probable, not what is true: nothing checks that a passage answers its query.
  The filters of datakit and a judge do.
- Trained on a person's queries it writes such queries; their faults and their bias too.
"""
