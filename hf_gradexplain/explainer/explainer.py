"""The user's API: `Explainer`, and `explain` in one line."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from torch import nn

from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.classifier.targets import Labels, label_ids
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer.auditing import AuditingEngine
from hf_gradexplain.explainer.comparing import ComparingEngine
from hf_gradexplain.explainer.interacting import InteractingEngine
from hf_gradexplain.explainer.refining import RefiningEngine
from hf_gradexplain.explainer.streaming import StreamingEngine
from hf_gradexplain.explanation import Explanation, Explanations
from hf_gradexplain.loading import has_own_tokenizer
from hf_gradexplain.options import AUTO, Options, UnitName
from hf_gradexplain.options.classes import check_one_question
from hf_gradexplain.options.signatures import (
    EvaluateOptions,
    ExplainOptions,
    call_options,
    evaluate_options,
    takes_options,
)
from hf_gradexplain.options.values import plain
from hf_gradexplain.text.given_units import GivenUnits, with_units
from hf_gradexplain.text.rationales import read_rationales
from hf_gradexplain.text.texts import Text, is_text, listed
from hf_gradexplain.viz.sanitize import one_line

if TYPE_CHECKING:
    from hf_gradexplain.run.cost import Estimate
    from hf_gradexplain.run.evaluation import Evaluation

_LISTED = 10
"""The largest number of classes that are named."""

EVALUATED = (AUTO, "loo", "random")
"""The methods that `Explainer.evaluate` evaluates by default."""


class Explainer(AuditingEngine, ComparingEngine, InteractingEngine, RefiningEngine, StreamingEngine):
    """Explains the predictions of one classifier.

    The model's parameters, mode, configuration and hooks are restored after each call, also after an exception.

    Attributes:
        model: The classifier, without the wrappers around it.
        tokenizer: Its tokenizer.
        profile: The results of probing the model.
        provenances: The repositories and commits that `from_pretrained` loaded; empty otherwise.

    Args:
        model: A module whose forward takes the tokenizer's output and returns logits `(B, C)`, as an attribute or key
            `logits` or as a tensor. `DataParallel`, `torch.compile` and LoRA adapters around it are unwrapped. Or a
            text classification pipeline, a `CrossEncoder` of sentence-transformers, or a `SetFitModel`.
        tokenizer: The model's tokenizer; a pipeline, a `CrossEncoder` and a `SetFitModel` have their own.
        class_names: The names of the classes; by default those of the model's configuration, or numbers.

    Raises:
        GradexplainError: The model has no classification head, its weights are not finite, or its embedding lookups
            cannot be found.

    Examples:
        >>> import hf_gradexplain  # doctest: +SKIP
        >>> explainer = hf_gradexplain.Explainer.from_pretrained("org/model")  # doctest: +SKIP
        >>> explainer("A thoughtful, gripping film.").show()  # doctest: +SKIP
    """

    def __repr__(self) -> str:
        names = [f"{number} {one_line(name, width=40)}" for number, name in enumerate(self.class_names[:_LISTED])]
        more = len(self.class_names) - _LISTED
        facts = {"classes": ", ".join(names) + (f" and {more:,} more" if more > 0 else ""), **self.profile.in_words}
        rows = [f"  {subject}: {said}" for subject, said in facts.items()]
        return "\n".join([f"Explainer of {type(self.model).__name__} on {device_of(self.model)}", *rows])

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self,
        texts: Text,
        methods: str | Sequence[str] = ...,
        unit: UnitName = ...,
        labels: Labels = ...,
        *,
        units: GivenUnits | None = ...,
        **options: Unpack[ExplainOptions],
    ) -> Explanation: ...

    @overload
    def __call__(
        self,
        texts: Iterable[Text],
        methods: str | Sequence[str] = ...,
        unit: UnitName = ...,
        labels: Labels = ...,
        *,
        units: GivenUnits | None = ...,
        **options: Unpack[ExplainOptions],
    ) -> Explanations: ...

    @takes_options
    def __call__(
        self,
        texts: Text | Iterable[Text],
        methods: str | Sequence[str] = Options.methods,
        unit: UnitName = Options.unit,
        labels: Labels = None,
        *,
        units: GivenUnits | None = None,
        **options: Unpack[ExplainOptions],
    ) -> Explanation | Explanations:
        """Explain one text, or several.

        `signed_gi` and the `sa_` methods together cost one forward and one backward pass. Each propagation method,
        such as `attn_lrp`, costs one more backward pass, `smoothgrad` and `vargrad` together 20 forward and backward
        passes, `integrated_gradients` 20 to 300 (`steps` fixes the number), `gradient_shap` 16 to 2,000 (`max_evals`
        fixes the most), and `sequential_integrated_gradients` 20 for each unit. Methods that run masked copies, such
        as `loo` and `shapley`, cost a forward pass per copy. A text gets the same scores alone and in any batch.

        Args:
            texts: A text, a text pair as a tuple `(a, b)`, or a conversation as a list of messages
                `{"role": ..., "content": ...}`; or several in a list, an array, a Series or a column.
            methods: A name in `METHODS`, `auto` for the one that suits the model, or several.
            unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
                `clause` (a part of a sentence between punctuation).
            labels: The true class, by id or name: one for all texts, or one per text; explained without `target`.
            units: Your own units instead of `unit`: the spans `(start, end)` of a text, as offsets into
                `explanation.text`; for several texts a list of spans each; or a function from a text to its spans.
            **options: See `hf_gradexplain.options.Options`.

        Returns:
            One `Explanation` for a text; for a list `Explanations`, which is a list of them.

        Raises:
            GradexplainError: An argument cannot be used; the message says how to fix it.
        """
        chosen, texts = call_options(methods, unit, labels, options), plain(texts)
        single = is_text(texts)
        if chosen.self_check is None:
            chosen = replace(chosen, self_check=single)
        explanations = self.explanations(*with_units(listed(texts), chosen, units, single=single), labels)
        return explanations[0] if single else explanations

    @overload
    def evaluate(
        self,
        texts: Text | Iterable[Text],
        labels: Labels = ...,
        methods: str | Sequence[str] = ...,
        unit: UnitName = ...,
        *,
        units: GivenUnits | None = ...,
        rationales: Iterable[Any] | None = ...,
        output_dir: str | os.PathLike[str] | None = ...,
        progress: bool = ...,
        dry_run: Literal[False] = ...,
        **options: Unpack[EvaluateOptions],
    ) -> "Evaluation": ...

    @overload
    def evaluate(
        self,
        texts: Text | Iterable[Text],
        labels: Labels = ...,
        methods: str | Sequence[str] = ...,
        unit: UnitName = ...,
        *,
        units: GivenUnits | None = ...,
        rationales: Iterable[Any] | None = ...,
        output_dir: str | os.PathLike[str] | None = ...,
        progress: bool = ...,
        dry_run: Literal[True],
        **options: Unpack[EvaluateOptions],
    ) -> "Estimate": ...

    @takes_options
    def evaluate(
        self,
        texts: Text | Iterable[Text],
        labels: Labels = None,
        methods: str | Sequence[str] = EVALUATED,
        unit: UnitName = Options.unit,
        *,
        units: GivenUnits | None = None,
        rationales: Iterable[Any] | None = None,
        output_dir: str | os.PathLike[str] | None = None,
        progress: bool = True,
        dry_run: bool = False,
        **options: Unpack[EvaluateOptions],
    ) -> "Evaluation | Estimate":
        """Measure how far explanations of these texts can be trusted, by the code of `recipes/evaluate.py`.

        For each method, the units of a text are removed from the highest-scored one on, and the fall of the target's
        probability is averaged: AOPC(K), for every K up to the longest text's number of units. With `loo` among the
        methods, their scores are also correlated with it. This takes `U` forward passes for a text of `U` units per
        method, and as many for `loo` and for each random order: almost no time on FastText and TextCNN, and a quarter
        to three quarters of it on BiLSTM. By the default methods, a transformer of 6 layers needs about two seconds for
        a text of 40 words on 2 CPU cores. `dry_run=True` estimates the time, and `k_grid=(1, 2, 5, 10, 20)` is faster
        for long texts.

        Args:
            texts: Texts, text pairs or conversations, in a list, an array, a Series or a column.
            labels: The true class of each text, by id or name, with which predictions are compared. Without `target`,
                it is explained.
            methods: Names in `METHODS`; `auto` is the one that suits the model. `random` is the baseline that a method
                has to beat, `loo` the reference for correlations.
            unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
                `clause` (a part of a sentence between punctuation).
            units: Your own units instead of `unit`, see `__call__`.
            rationales: What people marked as the reason for each label, with which the scores are compared: a list of
                spans `(start, end)` per text, as offsets into `explanation.text`.
            output_dir: A folder for all files of a run: documents, tables, figures and a report. The same call resumes
                a stopped run there. None for a temporary folder.
            progress: Whether to show a progress bar.
            dry_run: Only estimate time, memory and passes, on some of the texts, in about 10 seconds.
            **options: See `Options` in `hf_gradexplain.options`, `MeasureArguments` and `AuditArguments` in
                `hf_gradexplain.options.arguments`.

        Returns:
            The result: `to_frame()`, `aopc`, `correlation`, `plausibility`, `paired_tests()`, `per_text()`,
            `explanations`, `report(path)`. A notebook shows it. With `dry_run`, a `hf_gradexplain.run.cost.Estimate`:
            print it, or read `total_seconds` and `memory`.

        Raises:
            GradexplainError: An argument cannot be used; the message says how to fix it.
        """
        from hf_gradexplain.run.in_memory import make_estimate, make_evaluation  # only this needs statistics

        chosen, arguments, audits = evaluate_options(methods, unit, labels, options)
        check_one_question(chosen)
        texts = plain(texts)
        single = is_text(texts)
        listed_texts, chosen = with_units(listed(texts), chosen, units, single=single)
        classes = (
            [None] * len(listed_texts) if labels is None else label_ids(labels, len(listed_texts), self.class_names)
        )
        marked = None if rationales is None else read_rationales(rationales, listed_texts, single=single)
        if dry_run:
            return make_estimate(self, listed_texts, classes, chosen, arguments)
        folder = None if output_dir is None else Path(output_dir)
        return make_evaluation(
            self, listed_texts, classes, chosen, arguments, audits, folder, rationales=marked, progress=progress
        )


@takes_options
def explain(
    model: Any,
    texts: Text | Iterable[Text],
    methods: str | Sequence[str] = Options.methods,
    unit: UnitName = Options.unit,
    labels: Labels = None,
    *,
    units: GivenUnits | None = None,
    **options: Unpack[ExplainOptions],
) -> Explanation | Explanations:
    """Explain texts with a model.

    A model that is given by its name is loaded in every call. To explain more than once, keep an `Explainer`.

    Args:
        model: Hub name or folder of a sequence classifier, an `Explainer`, a text classification pipeline, a
            `CrossEncoder` or a `SetFitModel`.
        texts: A text, a text pair as a tuple `(a, b)`, or a conversation as a list of messages
            `{"role": ..., "content": ...}`; or several in a list, an array, a Series or a column.
        methods: A name in `METHODS`, `auto` for the one that suits the model, or several.
        unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
            `clause` (a part of a sentence between punctuation).
        labels: The true class, by id or name: one for all texts, or one per text; explained without `target`.
        units: Your own units instead of `unit`, see `Explainer.__call__`.
        **options: See `hf_gradexplain.options.Options`.

    Returns:
        One `Explanation` for a text; for a list `Explanations`, which is a list of them.

    Raises:
        GradexplainError: The model cannot be loaded, or an argument cannot be used.
    """
    if isinstance(model, nn.Module) and not has_own_tokenizer(model):
        raise GradexplainError("a loaded model needs its tokenizer: call Explainer(model, tokenizer)(texts)")
    if isinstance(model, str | os.PathLike):
        explainer = Explainer.from_pretrained(os.fspath(model))
    else:
        explainer = model if isinstance(model, Explainer) else Explainer(model)
    return explainer(texts, methods, unit, labels, units=units, **options)
