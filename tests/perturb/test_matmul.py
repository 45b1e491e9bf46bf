"""Matrix products with and without oneDNN."""

import pytest
import torch
from torch.nn import functional as F

from hf_gradexplain.perturb.matmul import pack_weight, product, rounded_up

SIZES = (0, 1, 8, 9, 100)


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_products_equal_those_of_a_linear_layer(rows, dtype):
    torch.manual_seed(0)
    weight, x = torch.randn(20, 12, dtype=dtype), torch.randn(2 * rows, 12, dtype=dtype)[::2]
    for each in (weight, pack_weight(weight), weight.T.contiguous().T):
        torch.testing.assert_close(product(x, each), F.linear(x, weight))


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN")
def test_without_onednn_weights_are_not_packed():
    weight = torch.randn(20, 12)
    assert pack_weight(weight).is_mkldnn
    with torch.backends.mkldnn.flags(enabled=False):
        assert pack_weight(weight) is weight


def test_sizes_are_few_and_add_few_rows():
    sizes = [rounded_up(rows) for rows in range(4097)]
    assert all(rows <= size < rows + max(8, rows / 8) for rows, size in enumerate(sizes))
    assert len(set(sizes)) <= 1 + 8 * 7
    assert all(rounded_up(size) == size for size in sizes)


@pytest.mark.parametrize(
    ("rows", "size"),
    [(0, 0), (1, 8), (8, 8), (9, 16), (65, 72), (128, 128), (129, 144), (256, 256), (257, 288), (4096, 4096)],
)
def test_a_size_is_a_multiple_of_an_eighth_of_the_power_of_two_below_it(rows, size):
    assert rounded_up(rows) == size
