"""The form that an encoder runs in: without padding where that is known, in half precision where it
is asked for; either is measured against the form that it replaces before it is used.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from datakit import packed_bert
from datakit.errors import DatakitError

if TYPE_CHECKING:
    from datakit.models import TransformerEncoder

Dtype = Literal["float32", "bfloat16", "auto"]

LEAST_COSINE = 0.999  # below it, half precision is another model
LEAST_PACKED_COSINE = 0.99999  # in float32, where the order of sums alone differs
_TRIAL = [
    "The buyer may withdraw from the contract within 14 days.",
    "The buyer may withdraw from the contract within 14 days of the delivery of the last goods, "
    "by a statement in writing or by sending back the goods.",
    "买方可以解除合同。",
]


def packed(encoder: TransformerEncoder) -> TransformerEncoder:
    """The encoder without padding, on a processor and for a model whose parts are known.

    Raises:
        DatakitError: it then has other vectors than by the library's forward.
    """
    if encoder.device != "cpu" or not packed_bert.is_packable(encoder.model):
        return encoder
    fast = replace(encoder, packed=True)
    cosine = _least_cosine(encoder, fast)
    if cosine >= LEAST_PACKED_COSINE:
        return fast
    raise DatakitError(
        f"model {encoder.name!r} without padding has a cosine of {cosine:.6f} to transformers' "
        f"own forward, expected at least {LEAST_PACKED_COSINE}. This release does not fit the "
        "installed transformers: please report its version."
    )


def _least_cosine(one: TransformerEncoder, other: TransformerEncoder) -> float:
    return float((one._encode(_TRIAL) * other._encode(_TRIAL)).sum(axis=1).min())


def in_half_precision(encoder: TransformerEncoder, dtype: Dtype) -> TransformerEncoder:
    """The encoder in bfloat16, or as it is where "auto" finds no reason for it."""
    import torch

    if dtype == "auto" and not has_bfloat16(encoder.device):
        return encoder
    model = copy.deepcopy(encoder.model).to(torch.bfloat16)
    if encoder.packed:
        packed_bert.lay_out_weights(model)
    half = replace(encoder, model=model, dtype="bfloat16")
    cosine = _least_cosine(encoder, half)
    if cosine >= LEAST_COSINE:
        return half
    if dtype == "auto":
        return encoder
    raise DatakitError(
        f"model {encoder.name!r} in bfloat16 has a cosine of {cosine:.4f} to itself in float32, "
        f"expected at least {LEAST_COSINE}. Set dtype = 'float32'."
    )


def has_bfloat16(device: str) -> bool:
    """Has the device units for bfloat16, so that it gains time?"""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_capability()[0] >= 8
    flags = Path("/proc/cpuinfo")
    if not flags.is_file():
        return False
    words = set(flags.read_text(errors="replace").split())
    return bool(words & {"avx512_bf16", "amx_bf16"})
