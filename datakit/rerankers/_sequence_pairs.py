"""Pairs of texts through a transformer that classifies sequences, in batches of like length."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datakit import models
from datakit.encoder_forms import Dtype, has_bfloat16
from datakit.errors import DatakitError

if TYPE_CHECKING:
    import numpy as np
    import torch

PAIRS_AT_ONCE = 8192  # that are tokenised together, so that a long list does not fill the memory


@functools.lru_cache(maxsize=2)
def load_classifier(
    model: str,
    *,
    label: int | None = None,
    max_length: int | None = None,
    dtype: Dtype = "float32",
    device: str = "auto",
    allow_download: bool = False,
) -> PairClassifier:
    """A classifier by folder or hub id; the last two stay in memory.

    Raises:
        DatakitError: there is no such model here, it does not load, it has no head, or not the
            label asked for.
    """
    import torch

    folder = models.find_model(model, allow_download=allow_download)
    network, tokeniser = _load(folder, model)
    where = models._device(device)
    half = dtype == "bfloat16" or (dtype == "auto" and has_bfloat16(where))
    network = network.to(where, torch.bfloat16 if half else torch.float32).eval()
    return PairClassifier(
        name=model,
        weights=models.weights_sha256(folder),
        model=network,
        tokeniser=tokeniser,
        label=_label(label, int(network.config.num_labels), model),
        max_length=models._length(max_length, None, tokeniser, network),
        dtype="bfloat16" if half else "float32",
        device=where,
    )


def _load(folder: Path, name: str) -> tuple[Any, Any]:
    import torch
    import transformers

    with models._quiet_transformers(), models._loading(name):
        tokeniser = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        network, report = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
    if report["missing_keys"]:
        raise DatakitError(
            f"model {name!r} has no weights for {sorted(report['missing_keys'])[0]}, expected a "
            "sequence-classification head. Is it an encoder? Then use the retriever dense."
        )
    if tokeniser.pad_token_id is None:
        tokeniser.pad_token = tokeniser.eos_token
    if network.config.pad_token_id is None:
        network.config.pad_token_id = tokeniser.pad_token_id
    return network, tokeniser


def _label(wanted: int | None, n_labels: int, name: str) -> int:
    label = (n_labels - 1 if n_labels <= 2 else -1) if wanted is None else wanted
    if not 0 <= label < n_labels:
        raise DatakitError(
            f"model {name!r} has {n_labels} labels, found label = {wanted}: set label to the one "
            f"that means relevant, 0 to {n_labels - 1}."
        )
    return label


@dataclass(frozen=True)
class PairClassifier:
    """A transformer with a classification head."""

    name: str
    weights: str  # sha256
    model: Any
    tokeniser: Any
    label: int
    max_length: int  # tokens
    dtype: str
    device: str

    def identity(self) -> dict[str, Any]:
        return {
            "model": self.name,
            "weights_sha256": self.weights,
            "label": self.label,
            "max_length": self.max_length,
            "dtype": self.dtype,
        }

    def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """(n_pairs,) float32; equal pairs have equal scores."""
        import numpy as np
        import torch

        unique = sorted(set(pairs), key=lambda pair: (len(pair[0]) + len(pair[1]), pair))
        found = np.empty(len(unique), np.float32)
        budget = models.tokens_a_batch(self.device)
        with torch.inference_mode(), models._all_cores():
            for start in range(0, len(unique), PAIRS_AT_ONCE):
                ids = self._ids(unique[start : start + PAIRS_AT_ONCE])
                for batch in models.batches([len(one["input_ids"]) for one in ids], budget):
                    found[[start + i for i in batch]] = self._forward([ids[i] for i in batch])
        row = {pair: i for i, pair in enumerate(unique)}
        return found[[row[pair] for pair in pairs]]

    def _ids(self, pairs: Sequence[tuple[str, str]]) -> list[dict[str, list[int]]]:
        """What the model reads of each pair; of one that is too long the longer text is cut."""
        encoded = self.tokeniser(
            [query for query, _ in pairs],
            [text for _, text in pairs],
            truncation="longest_first",
            max_length=self.max_length,
        )
        names = [name for name in encoded if name != "attention_mask"]
        return [{name: encoded[name][i] for name in names} for i in range(len(pairs))]

    def _forward(self, ids: list[dict[str, list[int]]]) -> np.ndarray:
        """(n_pairs,) float32: the logit, or of several labels the log-odds of the one."""
        import torch

        longest = max(len(one["input_ids"]) for one in ids)
        lengths = torch.tensor([len(one["input_ids"]) for one in ids])
        mask = (torch.arange(longest) < lengths[:, None]).long().to(self.device)
        inputs = {
            name: _padded(
                [one[name] for one in ids],
                longest,
                self.tokeniser.pad_token_id if name == "input_ids" else 0,
            ).to(self.device)
            for name in ids[0]
        }
        logits = self.model(**inputs, attention_mask=mask).logits.float()
        if logits.shape[1] == 1:
            scores = logits[:, 0]
        else:
            others = [i for i in range(logits.shape[1]) if i != self.label]
            scores = logits[:, self.label] - logits[:, others].logsumexp(dim=1)
        values: np.ndarray = scores.cpu().numpy()
        return values


def _padded(rows: list[list[int]], width: int, padding: int) -> torch.Tensor:
    """(n, width) int64, filled up on the right."""
    import torch

    return torch.tensor([row + [padding] * (width - len(row)) for row in rows])
