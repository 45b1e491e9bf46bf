"""Matrix products, as fast as the processor multiplies."""

import torch
from torch import Tensor


class Product:
    """The product with one weight, for many matrices.

    On a CPU, PyTorch multiplies matrices in float32 by MKL, which leaves half of a processor of another make than
    Intel's unused. oneDNN, which PyTorch itself uses for its recurrent layers and in compiled models, does not.

    Args:
        weight: `(D, F)`.
    """

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.T.contiguous()) if _has_onednn(weight) else None

    def __call__(self, x: Tensor) -> Tensor:
        """`x W`: `(n, D)` to `(n, F)`."""
        if self.packed is None or len(x) < _FEW:
            return x @ self.weight
        return torch.ops.mkldnn._linear_pointwise(x, self.packed, None, "none", [], "")


_FEW = 8
"""Fewer rows than this are done before oneDNN has begun."""


def _has_onednn(weight: Tensor) -> bool:
    """Whether oneDNN can multiply with it; its operators are PyTorch's own, so they are looked for."""
    usable = torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled
    plain = weight.device.type == "cpu" and weight.dtype == torch.float32 and weight.numel() > 0
    return usable and plain and hasattr(torch.ops.mkldnn, "_linear_pointwise")
