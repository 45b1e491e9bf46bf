"""The main entry points: the class `Explainer` and the function `explain`."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.classifier.targets import Labels, label_ids
from hf_gradexplain.explainer.auditing import AuditingEngine
from hf_gradexplain.explainer.comparing import ComparingEngine
from hf_gradexplain.explainer.interacting import InteractingEngine
from hf_gradexplain.explainer.refining import RefiningEngine
from hf_gradexplain.explainer.streaming import StreamingEngine
from hf_gradexplain.explanation import Explanation, Explanations
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
from hf_gradexplain.text.texts import Text, checked, is_text
from hf_gradexplain.viz.sanitize import one_line

if TYPE_CHECKING:
    from hf_gradexplain.run.cost import Estimate
    from hf_gradexplain.run.evaluation import Evaluation

_LISTED = 10
"""The largest number of classes whose names `repr` shows."""

EVALUATED = (AUTO, "loo", "random")
"""The methods that `Explainer.evaluate` evaluates by default."""


class Explainer(AuditingEngine, ComparingEngine, InteractingEngine, RefiningEngine, StreamingEngine):
    """Explains the predictions of one classifier.

    The model's parameters, mode, configuration and hooks are restored after each call, also after an exception.
    Several threads may use explainers of one model: calls wait for each other. Meanwhile, do not run the model itself.

    Attributes:
        model: The classifier, without `DataParallel` and similar wrappers.
        tokenizer: Its tokenizer.
        profile: What was found when the model was checked, such as whether it can be padded.
        provenances: The hub repositories and commits that `from_pretrained` loaded the model from; empty otherwise.

    Args:
        model: A PyTorch module whose forward takes the tokenizer's output and returns the logits `(B, C)`, as a tensor
            or under the name `logits`. `DataParallel`, `torch.compile` or a LoRA adapter may wrap it. Pipelines for
            text classification, a `CrossEncoder` of sentence-transformers and a `SetFitModel` are accepted, too.
        tokenizer: The model's tokenizer. Pipelines, a `CrossEncoder` and a `SetFitModel` have their own.
        class_names: The names of the classes, by default those in the model's configuration. A class without a name is
            called by its number.

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

        Each text takes one forward pass, and the self-check 5 more, plus 2 per method. The methods need in addition:

        - `signed_gi` and the `sa_` methods together: one backward pass;
        - each propagation method, such as `attn_lrp`: one backward pass; `gi_prob`: a forward and a backward pass;
        - `smoothgrad` and `vargrad` together: 20 forward and backward passes;
        - `integrated_gradients`: 20 to 300 forward and backward passes; `steps` sets an exact number;
        - `gradient_shap`: 16 to 2,000 forward and backward passes; `max_evals` changes the maximum;
        - `sequential_integrated_gradients`: 20 forward and backward passes for each unit;
        - methods that run masked copies, such as `loo` and `shapley`: one forward pass for each copy.

        Up to rounding, the scores of a text do not depend on the other texts of the call.

        Args:
            texts: A text, a text pair `(a, b)` or `{"text": a, "text_pair": b}`, or a conversation as a list of
                messages `{"role": ..., "content": ...}`; or several in a list, an array, a Series or a column.
            methods: One name in `METHODS` or several; `auto` chooses the method that suits the model.
            unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
                `clause` (a part of a sentence between punctuation).
            labels: The true class by id or name, or a list with one per text. It is explained unless `target` is given.
            units: Your own units in place of `unit`: a list of spans `(start, end)`, character offsets into
                `explanation.text`. For several texts, one such list per text, or a function that takes a text and
                returns its list.
            **options: See `hf_gradexplain.options.Options`.

        Returns:
            An `Explanation` for one text; `Explanations`, a list of `Explanation` objects, for several.

        Raises:
            GradexplainError: An argument cannot be used; the message says how to fix it.
        """
        chosen, texts = call_options(methods, unit, labels, options), plain(texts)
        single = is_text(texts)
        if chosen.self_check is None:
            chosen = replace(chosen, self_check=single)
        explanations = self.explanations(*with_units(checked(texts), chosen, units, single=single), labels)
        return explanations[0] if single else explanations

    @overload
    def evaluate(
        self,
        texts: Text | Iterable[Text],
        methods: str | Sequence[str] = ...,
        unit: UnitName = ...,
        labels: Labels = ...,
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
        methods: str | Sequence[str] = ...,
        unit: UnitName = ...,
        labels: Labels = ...,
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
        methods: str | Sequence[str] = EVALUATED,
        unit: UnitName = Options.unit,
        labels: Labels = None,
        *,
        units: GivenUnits | None = None,
        rationales: Iterable[Any] | None = None,
        output_dir: str | os.PathLike[str] | None = None,
        progress: bool = True,
        dry_run: bool = False,
        **options: Unpack[EvaluateOptions],
    ) -> "Evaluation | Estimate":
        """Measure how faithful the explanations of these texts are.

        For each method, the units of each text are removed one by one, the highest-scored unit first. AOPC(K) is the
        fall of the target's probability without the top `k` units, averaged over `k` from 0 to `K`. If `loo` is one of
        the methods, the scores of the others are also correlated with its scores. `recipes/evaluate.py` runs this code.

        A text of `U` units takes `U` forward passes for each method and each random order, and `U` more for the scores
        of `loo`. A 6-layer transformer with the default methods needs about two seconds for 40 words on 2 CPU cores.
        The shortcuts of FastText and TextCNN take almost no time; that of BiLSTM saves 25 to 75 % of the time.
        `dry_run=True` estimates the time. `k_grid=(1, 2, 5, 10, 20)` measures only these `k`, which is faster.

        Args:
            texts: Texts, text pairs or conversations, in a list, an array, a Series or a column.
            methods: Names in `METHODS`; `auto` chooses the method that suits the model. `random` is the baseline that a
                method has to beat, and `loo` the reference for correlations.
            unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
                `clause` (a part of a sentence between punctuation).
            labels: The true class of each text, by id or name, for comparison with the prediction. The true class is
                explained unless `target` is given.
            units: Your own units in place of `unit`, see `__call__`.
            rationales: Human rationales, to compare the scores with: for each text, the spans that people marked as the
                reason for its label, a list of `(start, end)` with character offsets into `explanation.text`.
            output_dir: The folder for the files of the run: documents, tables, figures and a report. If the run is
                stopped, the same call resumes it. None for a temporary folder.
            progress: Whether to show a progress bar.
            dry_run: Whether to only estimate time, memory and passes, from some of the texts, in about 10 seconds.
                With hybrid documents or sanity checks, it takes about 10 seconds more.
            **options: See `Options` in `hf_gradexplain.options`, `MeasureArguments` and `AuditArguments` in
                `hf_gradexplain.options.arguments`.

        Returns:
            An `Evaluation`, with `to_frame()`, `aopc`, `correlation`, `plausibility`, `paired_tests()`, `per_text()`,
            `explanations` and `report(path)`. A notebook displays it. With `dry_run`, a
            `hf_gradexplain.run.cost.Estimate`: print it, or read `total_seconds` and `memory`.

        Raises:
            GradexplainError: An argument cannot be used; the message says how to fix it.
        """
        from hf_gradexplain.run.in_memory import make_estimate, make_evaluation  # only this needs statistics

        chosen, arguments, audits = evaluate_options(methods, unit, labels, options)
        check_one_question(chosen)
        texts = plain(texts)
        single = is_text(texts)
        listed_texts, chosen = with_units(checked(texts), chosen, units, single=single)
        n = len(listed_texts)
        classes = [None] * n if labels is None else label_ids(labels, n, self.class_names)
        marked = None if rationales is None else read_rationales(rationales, listed_texts, single=single)
        if dry_run:
            return make_estimate(self, listed_texts, classes, chosen, arguments, audits)
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

    A model given by name is loaded in every call. To explain more than once, create an `Explainer` and reuse it.

    Args:
        model: Hub name or folder of a sequence classifier, an `Explainer`, a text classification pipeline, a
            `CrossEncoder` or a `SetFitModel`.
        texts: A text, a text pair `(a, b)` or `{"text": a, "text_pair": b}`, or a conversation as a list of
            messages `{"role": ..., "content": ...}`; or several in a list, an array, a Series or a column.
        methods: One name in `METHODS` or several; `auto` chooses the method that suits the model.
        unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
            `clause` (a part of a sentence between punctuation).
        labels: The true class by id or name, or a list with one per text. It is explained unless `target` is given.
        units: Your own units in place of `unit`, see `Explainer.__call__`.
        **options: See `hf_gradexplain.options.Options`.

    Returns:
        An `Explanation` for one text; `Explanations`, a list of `Explanation` objects, for several.

    Raises:
        GradexplainError: The model cannot be loaded, or an argument cannot be used.
    """
    if isinstance(model, str | os.PathLike):
        explainer = Explainer.from_pretrained(os.fspath(model))
    else:
        explainer = model if isinstance(model, Explainer) else Explainer(model)
    return explainer(texts, methods, unit, labels, units=units, **options)
