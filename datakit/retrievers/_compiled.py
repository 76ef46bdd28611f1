"""Loops that numba compiles once per machine (a few seconds) and then loads (0.3 s)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


@functools.cache
def compiled(loop: Callable[..., Any], fastmath: bool = False) -> Callable[..., Any]:
    """A loop over arrays as machine code.

    Args:
        loop: a function of a module, on arrays and numbers.
        fastmath: sums may be reordered, so that they use whole registers. The order is then the
            compiler's, and the same in every call.
    """
    import numba

    made: Callable[..., Any]
    try:
        made = numba.njit(cache=True, nogil=True, fastmath=fastmath)(loop)
    except RuntimeError:  # no folder where numba could keep it: compiled in every process
        made = numba.njit(nogil=True, fastmath=fastmath)(loop)
    return made
