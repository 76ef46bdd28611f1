"""Dense retrieval with an encoder behind an OpenAI-compatible embeddings endpoint."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from datakit.errors import DatakitError
from datakit.records import Passage, Query
from datakit.registry import plugin
from datakit.retrievers import Family
from datakit.retrievers._search import DenseIndex, texts_by_preference

if TYPE_CHECKING:
    import numpy as np

NO_KEY = "none"  # what a server without keys is sent; the client insists on one


@plugin("retrievers", "endpoint")
@dataclass(frozen=True)
class Endpoint:
    """Cosine of vectors that an OpenAI-compatible server computes (vLLM, Ollama, a hosted one).

    The key comes from the environment variable `OPENAI_API_KEY` and is stored nowhere. Vectors
    are kept per batch of texts in the cache folder, so that no text is paid for twice.
    """

    family: ClassVar[Family] = "dense"

    model: str  # as the server calls it
    base_url: str  # such as "http://localhost:8000/v1"
    query_prefix: str = ""  # as the model card says: "query: "
    passage_prefix: str = ""
    batch: int = 64  # texts in a request
    timeout: float = 60.0  # seconds for a request
    retries: int = 4  # for refused connections, 429 and 5xx, with growing pauses
    cache: str = ""  # folder; empty: datakit/vectors below XDG_CACHE_HOME or ~/.cache
    with_title: bool = True  # the passage's title is read before it
    languages: tuple[str, ...] = ()  # ("en",) only these, ("!en",) all but these

    def fit(self, passages: Sequence[Passage]) -> DenseIndex:
        """
        Raises:
            DatakitError: the endpoint does not answer, or not with one vector per text.
        """
        import numpy as np

        kept, texts = texts_by_preference(passages, self.languages, self.with_title)
        if not kept:
            vectors = np.zeros((0, 1), np.float32)
        else:
            vectors = self._encode([self.passage_prefix + text for text in texts])

        def encode(queries: list[Query]) -> np.ndarray:
            return self._encode([self.query_prefix + query.text for query in queries])

        return DenseIndex(kept, vectors, encode, self.languages)

    def _encode(self, texts: list[str]) -> np.ndarray:
        """(n_texts, dim) float32, unit length."""
        import numpy as np

        unique = sorted(set(texts))
        batches = [unique[i : i + self.batch] for i in range(0, len(unique), self.batch)]
        vectors = np.concatenate([self._batch(batch) for batch in batches])
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        row = {text: i for i, text in enumerate(unique)}
        return vectors[[row[text] for text in texts]]

    def _batch(self, texts: list[str]) -> np.ndarray:
        import numpy as np

        key = hashlib.sha256(json.dumps([self.base_url, self.model, texts]).encode()).hexdigest()
        path = self._folder() / key[:2] / f"{key}.npy"
        if path.is_file():
            known: np.ndarray = np.load(path, allow_pickle=False)
            return known
        vectors = np.asarray(self._ask(texts), np.float32)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        with unfinished.open("wb") as file:
            np.save(file, vectors, allow_pickle=False)
        unfinished.replace(path)
        return vectors

    def _folder(self) -> Path:
        if self.cache:
            return Path(self.cache)
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return Path(home) / "datakit" / "vectors"

    def _ask(self, texts: list[str]) -> list[list[float]]:
        import openai

        client: Any = openai.OpenAI(
            base_url=self.base_url,
            api_key=os.environ.get("OPENAI_API_KEY") or NO_KEY,
            timeout=self.timeout,
            max_retries=self.retries,
        )
        try:
            reply = client.embeddings.create(model=self.model, input=texts, encoding_format="float")
        except openai.OpenAIError as error:
            raise DatakitError(
                f"endpoint {self.base_url}, model {self.model!r}: {_one_line(error)}. Vectors that "
                "came are kept: mend it and run the same command again."
            ) from error
        finally:
            client.close()
        vectors = [item.embedding for item in sorted(reply.data, key=lambda item: item.index)]
        if len(vectors) != len(texts) or len({len(v) for v in vectors}) != 1:
            raise DatakitError(
                f"endpoint {self.base_url}, model {self.model!r}: found {len(vectors)} vectors of "
                f"{sorted({len(v) for v in vectors})} dimensions, expected {len(texts)} of one."
            )
        return vectors


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:300].rstrip(".")
