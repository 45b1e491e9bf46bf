"""Every option in one place: its name, type, default, choices and help text.

`Options` holds the options that determine an explanation; `hf_gradexplain.options.arguments` has the other arguments of
commands. Python signatures (`hf_gradexplain.options.signatures`), `--help` and the keys of YAML files are all made from
these fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options.classes import ClassName, ClassNames, check_classes, set_classes
from hf_gradexplain.options.fields import check_fields, option
from hf_gradexplain.options.sampling import check_sampling, set_reference_texts
from hf_gradexplain.options.tokenizer_kwargs import read_kwargs, write_kwargs
from hf_gradexplain.options.values import as_names

UnitName = Literal["token", "word", "word_type", "sentence", "clause"]
ObjectiveName = Literal["loss", "logit", "prob", "contrast"]
ProblemTypeName = Literal["single_label_classification", "multi_label_classification", "regression"]
BaselineName = Literal["zero", "pad", "mask", "unk", "mean"]
MaskName = Literal["baseline", "deletion"]
PoolName = Literal["mean", "max"]
PrecisionName = Literal["no", "bf16"]
TiesName = Literal["random", "position"]

CUSTOM = "custom"
"""The value of `unit` for texts whose units are given as spans, with the Python argument `units=...`."""

UNIT_NOUNS = {name: name for name in get_args(UnitName)} | {"word_type": "word", CUSTOM: "unit"}
"""What one unit of each kind is called in sentences."""

DELETION: MaskName = "deletion"
"""The value of `mask` that cuts out the tokens of removed units; `"baseline"` replaces their word vectors instead."""

AUTO = "auto"
"""The name that stands for the method that suits the model: `hf_gradexplain.attribution.choice` chooses it."""


@dataclass(frozen=True)
class Options:
    """How to explain a text. Values are checked on creation.

    Raises:
        GradexplainError: A value is not one of the choices, or is out of range.
    """

    methods: tuple[str, ...] = option(
        (AUTO,),
        "Attribution methods; `hf-gradexplain methods` lists them. auto chooses one that suits the model.",
        metavar="NAME",
    )
    unit: UnitName = option(
        "word",
        "What gets one score: a token, a word, a word_type (all occurrences of a word together), a sentence, or a "
        "clause (a part of a sentence between punctuation).",
        also=(CUSTOM,),
    )
    target: ClassNames = option(
        "predicted",
        "Class to explain: predicted, label (the given label of the text), or a class by name or id. all explains the "
        "most probable classes; evaluations do not accept it. In Python, a list gives one class per text. If a class "
        "itself is called predicted, label or all, give its id.",
        metavar="CLASS",
    )
    objective: ObjectiveName = option(
        None,
        "Number to explain: the loss (minus the log probability), the logit or the prob (probability) of the target. "
        "By default the loss or, if against is given, the contrast.",
    )
    against: ClassNames | None = option(
        None,
        "Explain the target in comparison with this class (name or id): explain the difference of their logits. "
        "runner_up stands for the other class with the highest logit; rest stands for all other classes together and "
        "explains the log-odds of the target.",
        metavar="CLASS",
    )
    seed: int = option(0, "Seed of every random draw.")
    batch_tokens: int | None = option(
        None,
        "Largest number of tokens in one forward pass, padding included; by default 1024 on a CPU (8192 for FastText) "
        "and 32768 on a GPU.",
    )
    baseline: BaselineName | None = option(
        None,
        "What replaces the word vector of a masked word: zero, the vector of the pad, mask or unk token, or the mean "
        "word vector of the vocabulary. By default zero. On models that first normalise their word vectors, gradient "
        "times input and integrated gradients take the mean by default.",
    )
    mask: MaskName = option(
        "baseline",
        "How loo and other methods, removal curves and the self-check remove units: baseline replaces the units' word "
        "vectors; deletion cuts their tokens out, so that the text gets shorter. With deletion, no model has a "
        "shortcut (a faster way to predict texts without some words).",
    )
    steps: int | None = option(
        None,
        "Number of points on the path of integrated gradients. If not given, it is 20, and is doubled for each text "
        "separately (up to 160) until the scores of the text add up, within 1 %, to the rise of the loss when all "
        "words are replaced by the baseline. A given number is not doubled, and neither is the 20 of "
        "sequential_integrated_gradients.",
    )
    max_evals: int = option(
        2000,
        "Largest number of copies of a text, for methods that draw copies at random, such as shapley, and for "
        "interactions. Shapley values are exact if this number is enough for all sets of removed units. At least about "
        "4 copies per unit are computed (lime: 2 per unit, gradient_shap: 4 in all), even if this number is smaller.",
    )
    max_error: float = option(
        0.05,
        "Stop drawing copies when the standard error of every score is at most this share of the largest absolute "
        "score. 0 uses all of max_evals.",
    )
    tell_apart: int | None = option(
        None,
        "Instead of max_error: stop drawing copies when it is clear which units have the highest scores. This option "
        "is the number of these units; their 95 % intervals must lie above the intervals of all other units.",
        metavar="UNITS",
    )
    occlusion_window: int = option(
        3, "Number of consecutive units that occlusion removes together; with 1 it is leave-one-out.", metavar="UNITS"
    )
    reference_texts: tuple[str, ...] = option(
        (),
        "Texts that gradient_shap draws its baselines from: in a baseline, each token has the word vector of a random "
        "token of these texts. By default, the word vectors are drawn from a Gaussian. Its mean is the vector that "
        "baseline names (by default the mean of the vocabulary), and its standard deviations are those of the "
        "vocabulary's word vectors.",
        metavar="TEXT",
    )
    tokenizer_kwargs: str | Mapping[str, Any] | None = option(
        None,
        "Arguments with which the tokenizer is called where the model is deployed: name=value pairs, joined by "
        "commas. Allowed: padding=max_length, max_length, truncation_side, padding_side, add_special_tokens, "
        "return_attention_mask.",
        metavar="NAME=VALUE,...",
    )
    stride: int | None = option(
        None,
        "Read texts that are too long for the model in windows, each of which shares this number of tokens with the "
        "window before. Without a stride, these texts are truncated.",
        metavar="TOKENS",
    )
    pool: PoolName = option(
        "mean", "With stride: how the logits of a text's windows are combined, class by class, into those of the text."
    )
    explain_roles: tuple[str, ...] = option(
        (),
        "Roles of a conversation, such as assistant, whose messages get scores. By default all messages get scores.",
        metavar="ROLE",
    )
    problem_type: ProblemTypeName | None = option(
        None,
        "What the model's logits are: single_label_classification (softmax), multi_label_classification (a sigmoid "
        "per class) or regression (the output itself). By default the problem_type of the model's configuration. If it "
        "has none, a model with one logit is a regression, and all others use softmax.",
    )
    mixed_precision: PrecisionName = option(
        "no", "bf16 runs matrix products in bfloat16: faster, less exact. FastText, TextCNN and BiLSTM ignore it."
    )
    torch_compile: bool = option(
        False,
        "Compile the layers that the model repeats. Compiling takes a minute, so it pays off for many texts. "
        "Relevance propagation ignores this option.",
    )
    classes: tuple[ClassName, ...] = option(
        (),
        "With target=all: the classes to explain in addition to the predicted one, by name or id. By default the most "
        "probable classes; with a sigmoid per class, those whose probability reaches the threshold.",
        metavar="CLASS",
    )
    top_classes: int = option(10, "With target=all and without classes: the largest number of classes to explain.")
    threshold: float = option(
        0.5, "With target=all and a sigmoid per class: the smallest probability of a class that is explained."
    )
    self_check: bool | None = option(
        None,
        "Also predict the text without the 3 highest-scored units of each method, with these units alone, and without "
        "3 random units. This takes 5 masked copies, and 2 more per method. For cp_lrp, also measure whether the "
        "relevances of the text add up. By default only for a single text.",
    )
    self_check_share: float | None = option(
        None,
        "Let the self-check remove this share of the units of a text, such as 0.2, instead of 3; implies self_check.",
    )

    def __post_init__(self) -> None:
        for name in ("methods", "explain_roles"):
            object.__setattr__(self, name, as_names(name, getattr(self, name)))
        set_classes(self)
        check_fields(self)
        check_classes(self)
        object.__setattr__(self, "tokenizer_kwargs", write_kwargs(read_kwargs(self.tokenizer_kwargs)))
        if self.stride is not None and self.stride < 0:
            raise GradexplainError(f"stride must be a number of tokens, 0 or larger, but is {self.stride}")
        if self.pool != "mean" and self.stride is None:
            raise GradexplainError(f"pool={self.pool!r} pools windows: give their overlap as well, such as stride=64")
        if self.seed < 0:
            raise GradexplainError(f"seed must be a whole number, 0 or larger, but is {self.seed}")
        if self.batch_tokens is not None and self.batch_tokens < 1:
            raise GradexplainError(f"batch_tokens must be a positive number of tokens, but is {self.batch_tokens}")
        if self.steps is not None and self.steps < 1:
            raise GradexplainError(f"steps must be a number of points, 1 or larger, but is {self.steps}")
        set_reference_texts(self)
        check_sampling(self)
        if self.self_check_share is not None:
            if not 0 < self.self_check_share < 1:
                raise GradexplainError(
                    f"self_check_share must be a share of the units between 0 and 1, but is {self.self_check_share}"
                )
            if self.self_check is None:
                object.__setattr__(self, "self_check", True)
