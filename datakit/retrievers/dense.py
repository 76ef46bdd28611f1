"""Dense retrieval: any encoder, and search over its vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from datakit.models import Encoder, _device, load_encoder
from datakit.records import Passage, Query
from datakit.registry import plugin
from datakit.retrievers import Family
from datakit.retrievers._exact import Vectors
from datakit.retrievers._search import DenseIndex, texts_by_preference

if TYPE_CHECKING:
    import numpy as np


@plugin("retrievers", "dense")
@dataclass(frozen=True)
class Dense:
    """Cosine of the vectors of an encoder."""

    family: ClassVar[Family] = "dense"

    model: str = "all-MiniLM-L6-v2"  # that name (extra `offline`), a folder, or a hub id
    query_prefix: str = ""  # as the model card says: "query: "
    passage_prefix: str = ""
    max_length: int | None = None  # tokens read of a text; none: the model's own
    # "auto": as the model says; any other loads the folder as a plain transformer
    pooling: Literal["auto", "mean", "cls", "lasttoken"] = "auto"
    # "auto": bfloat16 where the processor has units for it, about three times as fast (all-MiniLM,
    # cosine 0.9999 to float32); it never times them, because a timed choice could differ between
    # two runs. The default has equal rows on every machine
    dtype: Literal["float32", "bfloat16", "auto"] = "float32"
    device: str = "auto"  # cpu, cuda, cuda:1; auto: cuda where there is one
    allow_download: bool = False  # fetch a hub id that is not in the local cache
    # what the product reads: "exact" finds what float32 finds; "int8" and "binary" hold a quarter
    # and a 32nd of it in memory, and a large set of float32 vectors stays in a file
    codes: Literal["exact", "int8", "binary"] = "exact"
    rescore: int = 4  # with int8 and binary: candidates for each passage wanted, scored in float32
    with_title: bool = True  # the passage's title is read before it
    languages: tuple[str, ...] = ()  # ("en",) only these, ("!en",) all but these

    def __post_init__(self) -> None:
        if self.rescore < 1:
            raise ValueError("expected at least one candidate for each passage wanted")

    def fit(self, passages: Sequence[Passage]) -> DenseIndex:
        """Encode the passages.

        Raises:
            DatakitError: the model is not here or does not load.
            MissingDependency: the model comes with a package that is not installed.
        """
        import numpy as np

        kept, texts = texts_by_preference(passages, self.languages, self.with_title)
        if not kept:
            return DenseIndex([], np.zeros((0, 1), np.float32), self._no_vectors, self.languages)
        encoder = self.encoder()
        vectors = encoder.encode([self.passage_prefix + text for text in texts])

        def encode(queries: list[Query]) -> np.ndarray:
            return encoder.encode([self.query_prefix + query.text for query in queries])

        coded = Vectors(vectors, self.codes, _device(self.device), self.rescore)
        return DenseIndex(kept, coded, encode, self.languages)

    def encoder(self) -> Encoder:
        return load_encoder(
            self.model,
            max_length=self.max_length,
            dtype=self.dtype,
            device=self.device,
            allow_download=self.allow_download,
            pooling=None if self.pooling == "auto" else self.pooling,
        )

    @staticmethod
    def _no_vectors(queries: list[Query]) -> np.ndarray:
        """Without passages there is nothing to find, and no reason to load a model."""
        import numpy as np

        return np.zeros((len(queries), 1), np.float32)
