"""The user's API: `Explainer`, and `explain` in one line."""

import os
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import overload

from transformers import PreTrainedModel

from hf_gradexplain.attribution.baseline import BaselineName
from hf_gradexplain.attribution.methods import select
from hf_gradexplain.classifier.objective import ObjectiveName
from hf_gradexplain.classifier.targets import Labels, TargetName
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.options import Options, Precision
from hf_gradexplain.probing.doctor import Report, examine
from hf_gradexplain.text.encode import Text, UnitName, listed


class Explainer(AttributionEngine):
    """Explains the decisions of one classifier.

    The model's parameters, mode, configuration and hooks are left as found, also after an exception.

    Attributes:
        origins: The repositories and commits that `from_pretrained` read; empty otherwise.

    Args:
        model: A sequence classifier: texts in, `.logits` `(B, C)` out. What is inside `DataParallel`,
            `torch.compile` or LoRA adapters is explained without them around it.
        tokenizer: Its tokenizer.

    Raises:
        GradexplainError: If the model has no classification head, if its weights are not finite, or if the
            layers that look its words up cannot be found.

    Example:
        >>> import hf_gradexplain  # doctest: +SKIP
        >>> explainer = hf_gradexplain.Explainer.from_pretrained("org/model")  # doctest: +SKIP
        >>> explainer("A thoughtful, gripping film.").show()  # doctest: +SKIP
    """

    def check(self) -> Report:
        """Look the model over: what was found, whether it is a problem, and what is done about it."""
        return examine(self.model, self.tokenizer, self.profile)

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self,
        texts: Text,
        methods: str | Sequence[str] = ...,
        unit: UnitName = ...,
        labels: Labels = ...,
        *,
        target: TargetName | None = ...,
        objective: ObjectiveName = ...,
        seed: int = ...,
        batch_tokens: int | None = ...,
        baseline: BaselineName = ...,
        mixed_precision: Precision = ...,
        torch_compile: bool = ...,
    ) -> Explanation: ...

    @overload
    def __call__(
        self,
        texts: Iterable[Text],
        methods: str | Sequence[str] = ...,
        unit: UnitName = ...,
        labels: Labels = ...,
        *,
        target: TargetName | None = ...,
        objective: ObjectiveName = ...,
        seed: int = ...,
        batch_tokens: int | None = ...,
        baseline: BaselineName = ...,
        mixed_precision: Precision = ...,
        torch_compile: bool = ...,
    ) -> list[Explanation]: ...

    def __call__(
        self,
        texts: Text | Iterable[Text],
        methods: str | Sequence[str] = ("signed_gi",),
        unit: UnitName = "word",
        labels: Labels = None,
        *,
        target: TargetName | None = None,
        objective: ObjectiveName = "loss",
        seed: int = 0,
        batch_tokens: int | None = None,
        baseline: BaselineName = "zero",
        mixed_precision: Precision = "no",
        torch_compile: bool = False,
    ) -> Explanation | list[Explanation]:
        """Explain one text, or several.

        All gradient methods asked for together cost one forward and one backward pass. A text gets the same
        numbers alone and in any batch.

        Args:
            texts: A text, a text pair as a tuple `(a, b)`, or a list of those.
            methods: A name out of `METHODS`, or several.
            unit: What gets one score: `token`, `word`, or `word_type` (all occurrences of a word together).
            labels: The class to explain of each text; giving them sets `target` to `label`.
            target: `predicted` (default) or `label`.
            objective: `loss` (default), `logit` or `prob`; see `hf_gradexplain.classifier.objective.Objective`.
            seed: What every random draw starts from.
            batch_tokens: The most tokens in one forward pass; None for the device's default.
            baseline: What stands in for a word that is taken away: `zero` (default), `pad`, `mask`, `unk` or `mean`;
                see `hf_gradexplain.attribution.baseline.baseline_vectors`.
            mixed_precision: `no` (default), or `bf16` for matrix products in bfloat16: faster, less exact.
            torch_compile: Whether to compile the layers that the model repeats, once per `Explainer`.

        Returns:
            One `Explanation` for a text, a list for a list.

        Raises:
            GradexplainError: An argument cannot be used; the message names the mend.
        """
        target = target or ("predicted" if labels is None else "label")
        options = Options(
            tuple(select(methods)),
            unit,
            target,
            objective,
            seed,
            batch_tokens,
            baseline,
            mixed_precision,
            torch_compile,
        )
        single = isinstance(texts, str | tuple)
        if single and isinstance(labels, Integral):
            labels = [int(labels)]
        many = listed(texts)
        explanations = {
            i: explanation
            for batch in self.run(many, options, labels)
            for i, explanation in zip(batch.indices, batch.explanations(), strict=True)
        }
        return explanations[0] if single else [explanations[i] for i in range(len(many))]


def explain(
    model: str | os.PathLike[str] | Explainer,
    texts: Text | Iterable[Text],
    methods: str | Sequence[str] = ("signed_gi",),
    unit: UnitName = "word",
    labels: Labels = None,
    *,
    target: TargetName | None = None,
    objective: ObjectiveName = "loss",
    seed: int = 0,
    batch_tokens: int | None = None,
    baseline: BaselineName = "zero",
    mixed_precision: Precision = "no",
    torch_compile: bool = False,
) -> Explanation | list[Explanation]:
    """Explain texts with a model named by its hub name or folder: the one-liner.

    Loads the model at every call: keep an `Explainer` for more than one. The other arguments, and what is
    returned and raised, are those of `Explainer.__call__`.
    """
    if isinstance(model, PreTrainedModel):
        raise GradexplainError("a loaded model needs its tokenizer: call Explainer(model, tokenizer)(texts)")
    explainer = model if isinstance(model, Explainer) else Explainer.from_pretrained(os.fspath(model))
    return explainer(
        texts,
        methods,
        unit,
        labels,
        target=target,
        objective=objective,
        seed=seed,
        batch_tokens=batch_tokens,
        baseline=baseline,
        mixed_precision=mixed_precision,
        torch_compile=torch_compile,
    )
