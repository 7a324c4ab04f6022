"""How far two right answers may lie apart: what rounding explains, and no more.

Traces are summed in float64; the network summed in its own type, in an order that nobody promises. With u the unit
roundoff (2^-24 in float32), n terms t and any order:

- at worst each of the n additions and products errs by u of a partial sum, hence at most (n + 1) u Σ|t|;
- rounding errors behave like independent ones of mean zero, so their sum grows as √n: beyond 4 √n u Σ|t| has a
  probability of about 2·exp(-8), and real kernels sum in lanes and blocks, which errs far less still (N. Higham and
  T. Mary, "A new approach to probabilistic rounding error analysis", 2019).

The smaller of the two is used. With 4,608 terms (512 channels, 3×3) it is 17 times tighter than the worst case: a
missing bias or a wrong weight is seen where the worst case would let it pass.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["sum_slack", "tolerance", "unit_roundoff"]


def unit_roundoff(dtype: torch.dtype) -> float:
    """Return the largest relative error of one rounding in this type: 2^-24 for float32, none for integers."""
    return torch.finfo(dtype).eps / 2 if dtype.is_floating_point else 0.0


def sum_slack(terms: NDArray[np.float64], extra: float = 0.0) -> float:
    """Return how many unit roundoffs a sum of these terms (and of one `extra`, a bias) may be off; see above."""
    count = terms.size + 1
    return min(count + 1, 4 * math.sqrt(count)) * (float(np.abs(terms).sum()) + abs(extra))


def tolerance(slack: float, dtype: torch.dtype) -> float:
    """Turn a slack, in unit roundoffs, into the difference allowed; results below the normal range may be flushed."""
    return unit_roundoff(dtype) * slack + (torch.finfo(dtype).tiny if dtype.is_floating_point else 0.0)
