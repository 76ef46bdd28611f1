"""A bag encoder from scratch: a text is the mean of the vectors of its pieces.

No checkpoint, no accelerator: the pieces are learned from the corpus (byte-pair encoding over
words, and over runs of Chinese), and a piece starts as its inverse document frequency times a
random direction, so that before any training the cosine is about that of TF-IDF.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

UNKNOWN = "[UNK]"


def tokenizer(texts: Sequence[str], pieces: int) -> Any:
    """A `tokenizers.Tokenizer` trained on the texts: lower case, at most `pieces` pieces."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    made = Tokenizer(models.BPE(unk_token=UNKNOWN))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=pieces, special_tokens=[UNKNOWN], show_progress=False, max_token_length=12,
        min_frequency=2,
    )  # fmt: skip
    made.train_from_iterator(texts, trainer)
    return made


def start(made: Any, texts: Sequence[str], dim: int, seed: int) -> np.ndarray:
    """(n_pieces, dim) float32: idf times a random unit vector; the unknown piece is zero.

    Source:
        Random projection (Johnson and Lindenstrauss 1984): cosines of the projected vectors are
        those of the TF-IDF vectors up to about 1 / sqrt(dim).
    """
    import numpy as np

    n = made.get_vocab_size()
    seen = np.zeros(n)
    for encoding in made.encode_batch(list(texts), add_special_tokens=False):
        seen[list(set(encoding.ids))] += 1
    idf = np.log((1 + len(texts)) / (1 + seen))
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((n, dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    vectors: np.ndarray = (directions * idf[:, None]).astype(np.float32)
    vectors[made.token_to_id(UNKNOWN)] = 0
    return vectors


def bag_encoder(texts: Sequence[str], pieces: int, dim: int, seed: int) -> Any:
    """A `SentenceTransformer` that is one bag of vectors, not yet trained."""
    from sentence_transformers import SentenceTransformer

    try:
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    except ImportError:  # before 6.0
        from sentence_transformers.models import StaticEmbedding  # type: ignore[no-redef]

    made = tokenizer(texts, pieces)
    return SentenceTransformer(
        modules=[StaticEmbedding(made, embedding_weights=start(made, texts, dim, seed))],
        device="cpu",
    )
