"""Matrix products in float32, as fast as the processor multiplies.

On a CPU, PyTorch multiplies by MKL, which leaves half of a processor that is not Intel's unused. oneDNN does not.
PyTorch itself turns to it in recurrent layers, convolutions and compiled models, by operators that are not part of its
public interface: where it has none, everything here is `torch.nn.functional.linear`.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def packed(weight: Tensor) -> Tensor:
    """A weight `(F, D)` laid out for many products with it, and fit for nothing else."""
    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous()) if is_for_onednn(weight) else weight


def product(x: Tensor, weight: Tensor) -> Tensor:
    """`x W^T`, of `(n, D)` and a weight `(F, D)`, packed or not: `(n, F)`. It carries no graph."""
    if not (weight.is_mkldnn or is_for_onednn(weight)):
        return F.linear(x, weight)
    multiply, rows = torch.ops.mkldnn._linear_pointwise, len(x)
    if (size := rounded_up(rows)) == rows:
        return multiply(x, weight, None, "none", [], "")
    return multiply(F.pad(x, (0, 0, 0, size - rows)), weight, None, "none", [], "")[:rows]


def rounded_up(rows: int) -> int:
    """The next multiple of 8, or of an eighth of the power of two below.

    oneDNN prepares for every size of matrix anew, which takes longer than to multiply, and remembers a thousand of
    them; so it is given few.
    """
    step = max(8, 1 << ((rows - 1).bit_length() - 4)) if rows > 8 else 8
    return -(-rows // step) * step


def is_for_onednn(weight: Tensor) -> bool:
    """Whether oneDNN multiplies by this weight."""
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return False
    there = hasattr(torch.ops.mkldnn, "_linear_pointwise") and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    return there and torch.backends.mkldnn.is_available() and bool(torch.backends.mkldnn.enabled)
