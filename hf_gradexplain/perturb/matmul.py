"""Fast float32 matrix products on CPUs.

PyTorch multiplies matrices on a CPU by MKL, which is slow on non-Intel CPUs; oneDNN is not. PyTorch itself uses oneDNN
in recurrent layers, convolutions and compiled models, through operators that are not part of its public interface.
Where these operators do not exist, products are computed by `torch.nn.functional.linear`.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def pack_weight(weight: Tensor) -> Tensor:
    """Return a weight `(F, D)` in the layout of oneDNN, for repeated use in `product` and for nothing else."""
    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous()) if uses_onednn(weight) else weight


def product(x: Tensor, weight: Tensor) -> Tensor:
    """Return `x W^T` for `x` `(n, D)` and a weight `(F, D)`, packed or not: `(n, F)`, without an autograd graph."""
    if not (weight.is_mkldnn or uses_onednn(weight)):
        return F.linear(x, weight)
    multiply, rows = torch.ops.mkldnn._linear_pointwise, len(x)
    if (size := rounded_up(rows)) == rows:
        return multiply(x, weight, None, "none", [], "")
    return multiply(F.pad(x, (0, 0, 0, size - rows)), weight, None, "none", [], "")[:rows]


def rounded_up(rows: int) -> int:
    """Round `rows` up to a multiple of 8.

    Above 128, round up to a multiple of `p / 8`, where `p` is the largest power of two below `rows`.

    oneDNN compiles a kernel for each matrix size, which takes longer than a product, and caches a thousand kernels.
    Rounding keeps the number of sizes small.
    """
    step = max(8, 1 << ((rows - 1).bit_length() - 4)) if rows > 8 else 8
    return -(-rows // step) * step


def uses_onednn(weight: Tensor) -> bool:
    """Return whether products with this weight run by oneDNN."""
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return False
    exist = hasattr(torch.ops.mkldnn, "_linear_pointwise") and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    return exist and torch.backends.mkldnn.is_available() and bool(torch.backends.mkldnn.enabled)
