"""Tables of the nodes in PyTorch's autograd graphs, which give the kind of each node by its name.

Autograd has one kind of node per derivative formula, however the operation is called in Python: `F.softmax`,
`torch.softmax` and `nn.Softmax` all leave a `SoftmaxBackward0`. A node that is in no table raises an error: add its
name to the table where it belongs, see docs/write-a-rule.md.
"""

from enum import Enum

from torch.autograd.graph import Node

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.propagation.activations import ACTIVATIONS, GATED


class Kind(Enum):
    """The kind of an operation, which determines its rule."""

    WORDS = "word vectors, where the graph ends"
    LINEAR = "homogeneous of degree one in all its inputs together: sums, views, selections, ReLU, maxima"
    PRODUCT = "elementwise product"
    MATRIX_PRODUCT = "matrix product or convolution"
    QUOTIENT = "elementwise quotient"
    POWER = "power with a fixed exponent, and variance"
    STATISTIC = "power with a negative exponent, such as one over a standard deviation"
    SOFTMAX = "softmax"
    ATTENTION = "fused attention of query, key and value"
    NORM = "fused layer, group or RMS normalisation"
    SOLVE = "solution of linear equations"
    ACTIVATION = "elementwise function of one input"
    MAXIMUM = "logarithm of a sum of exponentials: a smooth maximum"


_NAMES = {
    Kind.WORDS: "torch::autograd::AccumulateGrad",
    Kind.LINEAR: """
        Add0 Add1 Alias0 Amax0 AsStrided0 AvgPool2D0 Cat0 Clone0 ConstantPadNd0 Cumsum0 Expand0 FftC2C0 Gather0
        Im2Col0 Index0 IndexAdd0 IndexPut0 IndexSelect0 LeakyRelu0 LinalgVectorNorm0 MaskedFill0 Max0 Mean0 Mean1 Neg0
        PackPaddedSequence0 Permute0 Relu0 Repeat0 ReshapeAlias0 Rsub1 Scatter1 Select0 Slice0 Split0
        SplitWithSizes0 Squeeze1 Stack0 Std0 Sub0 Sum0 Sum1 T0 ToCopy0 Topk0 Transpose0 Transpose1 Unbind0 UnsafeSplit0
        UnsafeView0 Unsqueeze0 View0 ViewAsComplex0 ViewAsReal0 Where0
        torch::autograd::CopySlices
    """,
    Kind.PRODUCT: "Mul0 Mul1",
    Kind.MATRIX_PRODUCT: "Addmm0 Baddbmm0 Bmm0 Convolution0 Dot0 Mm0 Mv0",
    Kind.QUOTIENT: "Div0",
    Kind.POWER: "Pow0 Sqrt0 Var0",
    Kind.STATISTIC: "Rsqrt0 Reciprocal0",
    Kind.SOFTMAX: "Softmax0 SafeSoftmax0",
    Kind.NORM: "NativeLayerNorm0 NativeGroupNorm0 FusedRmsNorm0",
    Kind.SOLVE: "LinalgSolveTriangular0",
    Kind.MAXIMUM: "Logsumexp0",
    Kind.ACTIVATION: " ".join((*ACTIVATIONS, *GATED)),
}
"""The nodes of each kind, without the word `Backward` before the number of the overload."""

KIND_OF = {name: kind for kind, names in _NAMES.items() for name in names.split()}


def short_name(node: Node) -> str:
    """Return a node's name as it stands in the tables: `AddBackward0` is `Add0`.

    A custom function `Add` leaves a node `AddBackward` without a number; this name does not change.
    """
    name = node.name()
    start, _, overload = name.rpartition("Backward")
    return start + overload if overload.isdigit() else name


def kind_of(node: Node) -> Kind:
    """Return the kind of a node.

    Raises:
        GradexplainError: The node is in no table.
    """
    name = short_name(node)
    if name.startswith("ScaledDotProduct"):
        return Kind.ATTENTION
    if name not in KIND_OF:
        raise GradexplainError(
            f"no propagation rule is known for the operation {node.name()} of this model: choose "
            "methods='integrated_gradients' or 'loo', or add its node to a table, see docs/write-a-rule.md"
        )
    kind = KIND_OF[name]
    return Kind.STATISTIC if kind is Kind.POWER and degree_of(node) <= 0 else kind


_DEGREES = {"Sqrt0": 0.5, "Var0": 2.0}


def degree_of(node: Node) -> float:
    """Return the degree of a node of the kind `POWER`: `c` times its input gives `c^degree` times its output."""
    return _DEGREES.get(short_name(node)) or float(node._saved_exponent)  # type: ignore[attr-defined]
