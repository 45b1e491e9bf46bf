"""The table of linear operations: each is met under its name, and is homogeneous of degree one."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hf_gradexplain.propagation.graph import Graph
from hf_gradexplain.propagation.nodes import KIND_OF, Kind, short_name
from tests.helpers.propagated import random

FIRST, SECOND = torch.tensor([0]), torch.zeros(2, 3, 4, dtype=torch.long)
MASK = random(2, 3, 4, seed=5) > 0


def as_complex(x: Tensor) -> Tensor:
    return torch.view_as_complex(x.unflatten(-1, (2, 2)))


def packed(x: Tensor) -> Tensor:
    return nn.utils.rnn.pack_padded_sequence(x, torch.tensor([3, 2]), batch_first=True).data


def written(x: Tensor, y: Tensor) -> Tensor:
    x = x.clone()
    x[:, 0] = y[:, 0]
    return x


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "Add0": lambda x, y: x + y,
    "Add1": lambda x, y: torch.ops.aten.add.Scalar(x, 0),
    "Alias0": lambda x, y: torch.ops.aten.alias(x),
    "Amax0": lambda x, y: x.amax(1),
    "AsStrided0": lambda x, y: x.as_strided((2, 2), (4, 1)),
    "AvgPool2D0": lambda x, y: F.avg_pool2d(x, 2),
    "Cat0": lambda x, y: torch.cat([x, y]),
    "Clone0": lambda x, y: x.clone(),
    "ConstantPadNd0": lambda x, y: F.pad(x, (1, 1)),
    "Cumsum0": lambda x, y: x.cumsum(1),
    "Expand0": lambda x, y: x[:1].expand(5, -1, -1),
    "FftC2C0": lambda x, y: torch.fft.fft(as_complex(x)),
    "Gather0": lambda x, y: x.gather(1, SECOND),
    "Im2Col0": lambda x, y: F.unfold(x.unsqueeze(0), 2),
    "Index0": lambda x, y: x[FIRST],
    "IndexAdd0": lambda x, y: x.index_add(0, FIRST, y[:1]),
    "IndexPut0": lambda x, y: x.index_put((FIRST,), y[:1]),
    "IndexSelect0": lambda x, y: x.index_select(0, FIRST),
    "LeakyRelu0": lambda x, y: F.leaky_relu(x),
    "LinalgVectorNorm0": lambda x, y: torch.linalg.vector_norm(x, dim=-1),
    "MaskedFill0": lambda x, y: x.masked_fill(MASK, 0),
    "Max0": lambda x, y: x.max(1).values,
    "Mean0": lambda x, y: x.mean(),
    "Mean1": lambda x, y: x.mean(1),
    "Neg0": lambda x, y: -x,
    "PackPaddedSequence0": lambda x, y: packed(x),
    "Permute0": lambda x, y: x.permute(2, 0, 1),
    "Relu0": lambda x, y: x.relu(),
    "Repeat0": lambda x, y: x.repeat(2, 1, 1),
    "ReshapeAlias0": lambda x, y: torch.ops.aten._reshape_alias(x, (6, 4), (4, 1)),
    "Rsub1": lambda x, y: torch.rsub(x, 0),
    "Scatter1": lambda x, y: x.scatter(1, SECOND[:, :1], 0.0),
    "Select0": lambda x, y: x.select(1, 0),
    "Slice0": lambda x, y: x[:, 1:],
    "Split0": lambda x, y: x.split(1, 1)[0],
    "SplitWithSizes0": lambda x, y: x.split([1, 2], 1)[1],
    "Squeeze1": lambda x, y: x[:, :1].squeeze(1),
    "Stack0": lambda x, y: torch.stack([x, y]),
    "Std0": lambda x, y: x.std(1),
    "Sub0": lambda x, y: x - y,
    "Sum0": lambda x, y: x.sum(),
    "Sum1": lambda x, y: x.sum(1),
    "T0": lambda x, y: x[0].t(),
    "ToCopy0": lambda x, y: x.to(torch.float64, copy=True),
    "Topk0": lambda x, y: x.topk(2, 1).values,
    "Transpose0": lambda x, y: x.transpose(0, 1),
    "Transpose1": lambda x, y: x.clone().transpose_(0, 1),
    "Unbind0": lambda x, y: x.unbind(1)[0],
    "UnsafeSplit0": lambda x, y: torch.unsafe_split(x, 1, 1)[0],
    "UnsafeView0": lambda x, y: torch.ops.aten._unsafe_view(x, (6, 4)),
    "Unsqueeze0": lambda x, y: x.unsqueeze(1),
    "View0": lambda x, y: x.view(6, 4),
    "ViewAsComplex0": lambda x, y: as_complex(x),
    "ViewAsReal0": lambda x, y: torch.view_as_real(as_complex(x)),
    "Where0": lambda x, y: torch.where(MASK, x, y),
    "torch::autograd::CopySlices": written,
}


def test_every_linear_operation_is_tested():
    assert set(OPERATIONS) == {name for name, kind in KIND_OF.items() if kind is Kind.LINEAR}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_linear_operation_is_met_and_homogeneous_of_degree_one(name):
    """Numbers that it adds or fills in are zero here; they count as constants."""
    x, y = (random(2, 3, 4, seed=seed).requires_grad_() for seed in (1, 2))
    output = OPERATIONS[name](x, y)
    assert name in {short_name(node) for node in Graph(output, [x, y]).nodes}
    assert output.abs().max() > 0
    torch.testing.assert_close(OPERATIONS[name](3 * x, 3 * y), 3 * output, rtol=1e-14, atol=1e-14)
