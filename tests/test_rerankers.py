"""The cross-encoder, with tiny checkpoints made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datakit.errors import DatakitError
from datakit.records import Passage, Query
from datakit.registry import make
from datakit.rerankers import _sequence_pairs

WORDS = [
    "rent", "lease", "is", "due", "the", "first", "of", "month", "keys", "are", "returned", "when",
    "ends", "a", "deposit", "back",
]  # fmt: skip
TEXTS = ["the rent is due", "keys are returned when the lease ends " * 5, "a deposit", ""]


def passage(i: int, text: str, language: str = "en", title: str | None = None) -> Passage:
    return Passage(f"p{i}", "d", text, 0, 1, i, language=language, title=title)


def query(text: str, language: str = "en") -> Query:
    return Query(text, text, language, None, None)


PAIRS = [
    (query(text), passage(i, other))
    for text in ("when is the rent due", "keys")
    for i, other in enumerate(TEXTS)
]


def checkpoint(folder: Path, n_labels: int) -> Path:
    import torch
    import transformers

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(pieces), "utf-8")
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(n_labels)
    config = transformers.BertConfig(
        vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64, num_labels=n_labels,
        initializer_range=0.3,
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    home = tmp_path_factory.mktemp("models")
    return {n: str(checkpoint(home / str(n), n)) for n in (1, 2, 3)}


def scores(folder: str, pairs: Any = PAIRS, **settings: Any) -> np.ndarray:
    values = {"model": folder, "device": "cpu"} | settings
    found: np.ndarray = make("rerankers", "cross_encoder", values).score(pairs)
    return found


def logits(folder: str) -> np.ndarray:
    """Of transformers itself, a pair at a time."""
    import torch
    import transformers

    tokeniser = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return np.concatenate([
            network(**tokeniser([q.text], [p.text], truncation=True, max_length=64,
                                return_tensors="pt")).logits.numpy()
            for q, p in PAIRS
        ])  # fmt: skip


@pytest.mark.parametrize("budget", [1, 64, 4096])
def test_scores_are_the_logits_of_transformers_in_batches_of_any_size(
    folders: dict[int, str], budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datakit.models.TOKENS_A_BATCH", {"cpu": budget})
    monkeypatch.setattr(_sequence_pairs, "PAIRS_AT_ONCE", 3)

    found = scores(folders[1])

    assert np.ptp(found) > 0.01
    np.testing.assert_allclose(found, logits(folders[1])[:, 0], rtol=1e-4, atol=1e-5)


def test_of_two_labels_the_second_is_relevant_and_of_more_one_is_named(
    folders: dict[int, str],
) -> None:
    two, three = logits(folders[2]), logits(folders[3])

    np.testing.assert_allclose(scores(folders[2]), two[:, 1] - two[:, 0], rtol=1e-3, atol=1e-5)
    log_odds = three[:, 0] - np.log(np.exp(three[:, 1:]).sum(axis=1))
    np.testing.assert_allclose(scores(folders[3], label=0), log_odds, rtol=1e-3, atol=1e-5)
    with pytest.raises(DatakitError, match="has 3 labels, found label = None: set label"):
        scores(folders[3])
    with pytest.raises(DatakitError, match="label = 3"):
        scores(folders[3], label=3)


def test_what_is_outside_the_languages_has_no_score(folders: dict[int, str]) -> None:
    pairs = [
        (query("rent"), passage(0, "rent")),
        (query("rent", "zh"), passage(0, "rent")),
        (query("rent"), passage(0, "rent", "zh")),
    ]

    assert np.isnan(scores(folders[1], pairs, languages=["en"])).tolist() == [False, True, True]
    assert np.isnan(scores(folders[1], pairs[1:2], languages=["en"])).all()
    assert len(scores(folders[1], [])) == 0


def test_the_title_is_read_before_the_text(folders: dict[int, str]) -> None:
    titled = [(query("rent"), passage(0, "is due", title="the rent"))]
    joined = [(query("rent"), passage(0, "the rent is due"))]

    assert scores(folders[1], titled) == scores(folders[1], joined)
    assert scores(folders[1], titled, with_title=False) != scores(folders[1], joined)


def test_bfloat16_is_near_to_float32(folders: dict[int, str]) -> None:
    full, half = scores(folders[1]), scores(folders[1], dtype="bfloat16")

    assert 0 < abs(full - half).max() < 0.2


def test_an_encoder_without_a_head_is_refused(tmp_path: Path, folders: dict[int, str]) -> None:
    import transformers

    transformers.AutoTokenizer.from_pretrained(folders[1]).save_pretrained(tmp_path)
    network = transformers.BertModel.from_pretrained(folders[1])
    network.save_pretrained(tmp_path)

    with pytest.raises(DatakitError, match="expected a sequence-classification head"):
        scores(str(tmp_path))


def test_a_model_that_is_not_here_is_one_clear_error() -> None:
    with pytest.raises(DatakitError, match="neither a folder nor in the local"):
        scores("nobody/no-such-reranker")


def test_its_fingerprint_names_the_weights(folders: dict[int, str]) -> None:
    made = [make("rerankers", "cross_encoder", {"model": folders[n]}) for n in (1, 2)]

    prints = [one.fingerprint() for one in made]

    assert prints[0]["weights_sha256"] != prints[1]["weights_sha256"]
    assert len(prints[0]["weights_sha256"]) == 64
