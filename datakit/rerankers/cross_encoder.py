"""A cross-encoder: any checkpoint that classifies a pair of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from datakit.records import Passage, Query
from datakit.registry import plugin
from datakit.rerankers._sequence_pairs import PairClassifier, load_classifier
from datakit.retrievers import covers, passage_text

if TYPE_CHECKING:
    import numpy as np


@plugin("rerankers", "cross_encoder")
@dataclass(frozen=True)
class CrossEncoder:
    """The logit that a transformer with a classification head gives a pair."""

    model: str  # a folder or a hub id, such as "cross-encoder/ms-marco-MiniLM-L6-v2"
    # which label means relevant, of a model with several; its log-odds against the rest are the
    # score. None: a model with one label has one logit, one with two says "no" and "yes"
    label: int | None = None
    max_length: int | None = None  # tokens read of a pair; none: the model's own
    # "auto": bfloat16 where the processor has units for it; scores then differ in the third digit
    dtype: Literal["float32", "bfloat16", "auto"] = "float32"
    device: str = "auto"  # cpu, cuda, cuda:1; auto: cuda where there is one
    allow_download: bool = False  # fetch a hub id that is not in the local cache
    with_title: bool = True  # the passage's title is read before it
    languages: tuple[str, ...] = ()  # ("en",) only these, ("!en",) all but these

    def score(self, pairs: Sequence[tuple[Query, Passage]]) -> np.ndarray:
        """(n_pairs,) float32; nan where the query or the passage is outside `languages`.

        Raises:
            DatakitError: the model is not here, does not load, or has no such label.
        """
        import numpy as np

        out = np.full(len(pairs), np.nan, np.float32)
        known = [
            i
            for i, (query, passage) in enumerate(pairs)
            if covers(self.languages, query.language) and covers(self.languages, passage.language)
        ]
        if known:
            texts = [(pairs[i][0].text, passage_text(pairs[i][1], self.with_title)) for i in known]
            out[known] = self.classifier().score(texts)
        return out

    def fingerprint(self) -> dict[str, Any]:
        """What decides the scores beyond the settings."""
        return self.classifier().identity()

    def classifier(self) -> PairClassifier:
        return load_classifier(
            self.model,
            label=self.label,
            max_length=self.max_length,
            dtype=self.dtype,
            device=self.device,
            allow_download=self.allow_download,
        )
