"""The interface of the tools that are compared with this package."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:  # shap and lime are measured without the packages that this one needs
    from benchmarks.peers.truth import Truth

PEERS = {
    "captum": "benchmarks.peers.with_captum",
    "interpreto": "benchmarks.peers.with_interpreto",
    "ferret-xai": "benchmarks.peers.with_ferret",
    "transformers-interpret": "benchmarks.peers.with_transformers_interpret",
    "inseq": "benchmarks.peers.with_inseq",
}
"""The tools by the names of their distributions, and the modules that hold their `PEER`."""

TIMED = {"hf_gradexplain": "benchmarks.peers.with_hf_gradexplain"} | {x: PEERS[x] for x in PEERS if x != "inseq"}
"""The tools that explain classifiers, this package first, and the modules that hold their `SPEED`."""

COSTED = {name: f"benchmarks.peers.with_{name}" for name in ("hf_gradexplain", "captum", "interpreto", "shap", "lime")}
"""The tools whose methods `benchmarks.peers.thousand` measures, and the modules that hold their `COSTS`."""

TARGET = 0
"""The class that is explained."""


@dataclass(frozen=True)
class Output:
    """The output of a tool for one text.

    Attributes:
        scores: `(T,)` one number per token, including special tokens.
        inputs: The inputs that the tool gave to the model, each `(1, T)`.
    """

    scores: Tensor
    inputs: Mapping[str, Tensor]


@dataclass(frozen=True)
class Peer:
    """A tool, called as its own documentation recommends.

    Attributes:
        call: The call, shown in the tables.
        scores: A short description of its scores.
        truth: The same scores from this package.
        alone: `(model, tokenizer, text) -> Output`.
        together: `(model, tokenizer, texts) -> [(T,)]`, or None if the tool takes one text at a time.
        scaled: Whether the tool divides the scores of a text by their norm.
    """

    call: str
    scores: str
    truth: Callable[["Truth", Mapping[str, Tensor]], Tensor]
    alone: Callable[[Any, Any, str], Output]
    together: Callable[[Any, Any, list[str]], list[Tensor]] | None = None
    scaled: bool = False


Work = Callable[[Any, Any, list[str], int], object]
"""`(model, tokenizer, texts, size)`: explain texts in batches of `size` tokens or texts, as the tool counts them."""


@dataclass(frozen=True)
class Speed:
    """The timed calls of a tool, made as its own documentation recommends.

    Attributes:
        methods: The gradient methods, at most five, with the number of passes if more than one.
        one: Explains texts with the first method.
        several: Explains texts with all methods.
        sizes: The batch sizes to try for gradient methods.
        occlusion: Removes each token in turn; None if the tool cannot.
        copies: The batch sizes to try for occlusion.
    """

    methods: tuple[str, ...]
    one: Work
    several: Work | None
    sizes: tuple[int, ...]
    occlusion: Work | None = None
    copies: tuple[int, ...] = ()


def load(name: str) -> Peer:
    """Return the tool of this name, which must be installed."""
    return importlib.import_module(PEERS[name]).PEER


def load_speed(name: str) -> Speed:
    """Return the timed calls of the tool of this name, which must be installed."""
    return importlib.import_module(TIMED[name]).SPEED


def load_costs(name: str) -> Mapping[str, Work]:
    """Return the methods of the tool of this name, which must be installed, as a user calls them."""
    return importlib.import_module(COSTED[name]).COSTS
