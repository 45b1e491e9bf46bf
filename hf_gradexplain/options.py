"""What can be chosen about an explanation."""

from dataclasses import dataclass
from typing import Literal, get_args

from hf_gradexplain.attribution.baseline import BaselineName
from hf_gradexplain.attribution.methods import select
from hf_gradexplain.classifier.objective import ObjectiveName
from hf_gradexplain.classifier.targets import TargetName
from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.text.encode import UnitName

Precision = Literal["no", "bf16"]
TiesName = Literal["random", "position"]


@dataclass(frozen=True)
class Options:
    """How to explain, checked when it is made.

    Attributes:
        methods: Names out of `METHODS`.
        unit: What gets one score: `token`, `word`, or `word_type` (all occurrences of a word together).
        target: The class that is explained: the `predicted` one, or each text's `label`.
        objective: What is differentiated: `loss`, `logit` or `prob`; see `Objective`.
        baseline: What stands in for a word that is taken away: `zero`, the vector of the `pad`, `mask` or `unk` token,
            or the `mean` of the vocabulary; see `hf_gradexplain.attribution.baseline.baseline_vectors`.
        seed: What every random draw starts from.
        batch_tokens: The most tokens in one forward pass, padding included; None for the device's default.
        mixed_precision: `bf16` runs matrix products in bfloat16, which is faster on most devices and less exact; `no`
            computes in the precision of the weights. Models with a short cut always do the latter: it saves more.
        torch_compile: Compile the layers that the model repeats. That takes a minute at first, so it is worth it for
            many texts. Models with a short cut never are.
        ties: Which of two equal scores goes first when units are removed: a `random` one, or the one whose `position`
            is earlier. In news the first words matter most, so `position` flatters a method with many equal scores.

    Raises:
        GradexplainError: A value is none of the choices; the message lists them.
    """

    methods: tuple[str, ...] = ("signed_gi",)
    unit: UnitName = "word"
    target: TargetName = "predicted"
    objective: ObjectiveName = "loss"
    seed: int = 0
    batch_tokens: int | None = None
    baseline: BaselineName = "zero"
    mixed_precision: Precision = "no"
    torch_compile: bool = False
    ties: TiesName = "random"

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(select(self.methods)))
        if self.seed < 0:
            raise GradexplainError(f"seed is a whole number, 0 or more, not {self.seed}")
        choose("unit", self.unit, get_args(UnitName))
        choose("target", self.target, get_args(TargetName))
        choose("objective", self.objective, get_args(ObjectiveName))
        choose("baseline", self.baseline, get_args(BaselineName))
        choose("mixed_precision", self.mixed_precision, get_args(Precision))
        choose("ties", self.ties, get_args(TiesName))
        if self.batch_tokens is not None and self.batch_tokens < 1:
            raise GradexplainError(f"batch_tokens is a positive number of tokens, not {self.batch_tokens}")
