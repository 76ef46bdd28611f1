"""Vectors as the product reads them: themselves, their halves, bytes, or bits."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import torch

CodeName = Literal["exact", "int8", "binary"]

ROWS_AT_ONCE = 65_536
FLOAT32_ROUNDING = 2.0**-24
HALF_ROUNDING = 2.0**-8  # bfloat16 has 8 bits
HALF_GAINS_FROM = 1.3  # times as fast as float32; below it the larger error is not worth it


@dataclass(frozen=True)
class Codes:
    """Passages for the product, and how far it may be from the truth."""

    name: CodeName
    held: Any  # (n, dim) tensor, float32, bfloat16 or int8; (n, dim / 8) uint8 array of bits
    dim: int
    dtype: torch.dtype  # of the product
    device: str
    scale: np.ndarray | None  # (dim,) float32, of int8: a unit's size
    longest: float  # length of the longest vector, of "exact"
    error: float  # the largest distance of a vector from its code, of "exact"

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """(stop - start, dim) in the dtype of the product, on its device."""
        import numpy as np
        import torch

        held = self.held[start:stop]
        if self.name == "binary":
            held = torch.from_numpy(np.unpackbits(held, axis=1, count=self.dim).view(np.int8))
            return held.to(self.device).to(self.dtype).mul_(2).sub_(1)
        if isinstance(held, np.ndarray):
            held = tensor(held)
        passages: torch.Tensor = held.to(self.device).to(self.dtype)
        return passages

    def queries(self, vectors: np.ndarray) -> torch.Tensor:
        """(n_queries, dim) in the dtype of the product, on its device."""
        scaled = vectors if self.scale is None else vectors * self.scale
        return tensor(scaled).to(self.dtype).to(self.device)

    def slack(self, queries: np.ndarray, coded: torch.Tensor, scores: np.ndarray) -> np.ndarray:
        """(n_queries,): how far above `scores`, the product's, the true ones may be; "exact" only.

        Source:
            Cauchy and Schwarz: |q.p - q'.p'| <= |q - q'| |p| + |q'| |p - p'|; and the rounding of
            the sums and of the result.
        """
        import numpy as np
        import torch

        lengths = np.linalg.norm(queries, axis=1)
        distance = np.linalg.norm(coded.float().cpu().numpy() - queries, axis=1)
        bound = distance * self.longest + (lengths + distance) * self.error
        sums = 2 * self.dim * FLOAT32_ROUNDING * self.longest * lengths
        result = abs(scores) * (HALF_ROUNDING if self.dtype == torch.bfloat16 else 0.0)
        slack: np.ndarray = bound + sums + result
        return slack


def encode(vectors: np.ndarray, name: CodeName, device: str) -> Codes:
    """The codes of vectors.

    Args:
        vectors: (n, dim) float32, in memory or mapped from a file, which is read in parts.
        name: "exact" is bfloat16 where its product is faster and float32 where it is not, since
            the search ends exact either way; "int8" has one scale a dimension; "binary" has signs.
        device: where the product is computed.
    """
    import numpy as np
    import torch

    dtype = torch.bfloat16 if _half_is_faster(device) else torch.float32
    dim, scale, longest, error = vectors.shape[1], None, 0.0, 0.0
    held: Any = vectors
    if name == "binary":
        held = np.empty((len(vectors), (dim + 7) // 8), np.uint8)
        for at in _parts(vectors):
            held[at] = np.packbits(vectors[at] > 0, axis=1)
    elif name == "int8":
        peaks = [np.abs(vectors[at]).max(axis=0) for at in _parts(vectors)]
        scale = (np.maximum.reduce([*peaks, np.full(dim, 1e-12, np.float32)]) / 127).astype("f4")
        held = torch.empty(vectors.shape, dtype=torch.int8, device=device)
        for at in _parts(vectors):
            held[at] = tensor(np.rint(vectors[at] / scale).astype(np.int8)).to(device)
    else:
        if dtype != torch.float32 or device != "cpu":
            held = torch.empty(vectors.shape, dtype=dtype, device=device)
        for at in _parts(vectors):
            longest = max(longest, float(np.linalg.norm(vectors[at], axis=1).max()))
            if held is not vectors:
                part = tensor(vectors[at])
                held[at] = part.to(dtype).to(device)
                distance = (part - part.to(dtype).float()).norm(dim=1).max()
                error = max(error, float(distance))
    return Codes(name, held, dim, dtype, device, scale, longest, error)


def tensor(array: np.ndarray) -> torch.Tensor:
    """An array as a tensor, without a copy where it may be written to."""
    import numpy as np
    import torch

    return torch.from_numpy(np.require(array, requirements=["C", "W"]))


def _parts(vectors: np.ndarray) -> Iterator[slice]:
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        yield slice(start, start + ROWS_AT_ONCE)


@functools.cache
def _half_is_faster(device: str) -> bool:
    """Timed and not looked up: a search ends exact whatever the answer."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_capability(device)[0] >= 8

    def seconds(dtype: torch.dtype) -> float:
        left, right = torch.ones(256, 384, dtype=dtype), torch.ones(2048, 384, dtype=dtype)
        taken = []
        for _ in range(4):  # the first makes the kernel
            start = time.process_time()
            left @ right.T
            taken.append(time.process_time() - start)
        return min(taken)

    return seconds(torch.float32) > HALF_GAINS_FROM * seconds(torch.bfloat16)
