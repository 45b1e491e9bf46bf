"""Explain zero-shot classifiers: models of natural language inference with candidate labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack, overload

from transformers import PreTrainedTokenizerBase

from hf_gradexplain.attribution.prepare import Outputs
from hf_gradexplain.classifier.combine import OnePerSequence
from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.engine.scored import collect
from hf_gradexplain.errors import GradexplainError, warn
from hf_gradexplain.explanation import Explanation, Explanations
from hf_gradexplain.options import Options, UnitName
from hf_gradexplain.options.signatures import ExplainOptions, call_options, takes_options
from hf_gradexplain.options.tokenizer_kwargs import read_kwargs
from hf_gradexplain.options.values import plain
from hf_gradexplain.text.hypotheses import HypothesisEncoder, Labels, parse_labels
from hf_gradexplain.text.texts import is_text, listed

TEMPLATE = "This example is {}."
"""The default template of the transformers pipeline."""

_UNFIT = {
    "problem_type": "give multi_label instead",
    "explain_roles": "it has no conversations",
    "stride": "long texts are truncated, as in the pipeline",
}
"""Options that are refused, and why."""


class ZeroShotExplainer(AttributionEngine):
    """Explains zero-shot classifiers, as the transformers pipeline `zero-shot-classification` runs them.

    The classifier is a model of natural language inference. It reads the text once for each candidate label, together
    with a hypothesis such as "This example is sports." The logits of its class "entailment" become the probabilities of
    the labels.

    Args:
        model: A sequence classifier, or a pipeline `zero-shot-classification`. The entailment logit is that of the
            label that begins with "entail" in the model's configuration. Without such a label, the last logit is taken,
            with a warning.
        tokenizer: The model's tokenizer; a pipeline brings its own.

    Raises:
        GradexplainError: The model cannot be explained, see `hf_gradexplain.Explainer`.

    Examples:
        >>> import hf_gradexplain  # doctest: +SKIP
        >>> explainer = hf_gradexplain.ZeroShotExplainer.from_pretrained("org/nli-model")  # doctest: +SKIP
        >>> explainer("A gripping match.", candidate_labels=["sports", "cooking"]).show()  # doctest: +SKIP
    """

    def __init__(self, model: Any, tokenizer: PreTrainedTokenizerBase | None = None) -> None:
        super().__init__(model, tokenizer)
        self._template: str = getattr(model, "_preprocess_params", {}).get("hypothesis_template", TEMPLATE)
        self._multi_label: bool = getattr(model, "_postprocess_params", {}).get("multi_label", False)
        if not self.has_entailment:
            warn(
                f"no label of {type(self.model).__name__}'s configuration begins with 'entail', so the last logit is "
                "taken as entailment, as in the pipeline: set config.label2id"
            )

    def __repr__(self) -> str:
        return f"ZeroShotExplainer of {type(self.model).__name__} on {device_of(self.model)}"

    @property
    def has_entailment(self) -> bool:
        """Whether the name of a class begins with "entail"; if none does, the last logit is taken as entailment."""
        return self._entailment != -1

    @property
    def _entailment(self) -> int:
        """The logit of entailment, as the pipeline finds it."""
        ids: Mapping[str, int] = getattr(getattr(self.model, "config", None), "label2id", None) or {}
        return next((i for label, i in ids.items() if label.lower().startswith("entail")), -1)

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self,
        texts: str,
        candidate_labels: Labels,
        hypothesis_template: str | None = ...,
        multi_label: bool | None = ...,
        methods: str | Sequence[str] = ...,
        unit: UnitName = ...,
        **options: Unpack[ExplainOptions],
    ) -> Explanation: ...

    @overload
    def __call__(
        self,
        texts: Iterable[str],
        candidate_labels: Labels,
        hypothesis_template: str | None = ...,
        multi_label: bool | None = ...,
        methods: str | Sequence[str] = ...,
        unit: UnitName = ...,
        **options: Unpack[ExplainOptions],
    ) -> Explanations: ...

    @takes_options
    def __call__(
        self,
        texts: str | Iterable[str],
        candidate_labels: Labels,
        hypothesis_template: str | None = None,
        multi_label: bool | None = None,
        methods: str | Sequence[str] = Options.methods,
        unit: UnitName = Options.unit,
        **options: Unpack[ExplainOptions],
    ) -> Explanation | Explanations:
        """Explain the probability of a candidate label, by default the predicted label.

        The classes of the explanation are the candidate labels, in the given order. `explanation.text` is the text,
        followed by the labels, one per line. The labels begin at `pair_start`. Words of the text and of the labels have
        scores; words of the template have none. The text is read once with each hypothesis, and a word of the text is
        masked in all these inputs at once. A word of a label is masked only in the hypothesis of this label. `target`
        and `against` are candidate labels, or their positions in the list. `target="label"`, `stride`, `pool`,
        `explain_roles` and `problem_type` cannot be used here.

        Args:
            texts: A text, or several in a list, an array, a Series or a column.
            candidate_labels: The labels: a list, or a string of labels separated by commas.
            hypothesis_template: The template of the hypotheses: `hypothesis_template.format(label)` is the hypothesis
                for a label. By default the template of the given pipeline; without a pipeline, `This example is {}.`
            multi_label: Whether several labels can be true. If False, the probabilities are a softmax over the
                entailment logits of all labels. If True, and always for a single label, each probability is a softmax
                over the entailment and contradiction logits of this label alone. By default the setting of the given
                pipeline; without a pipeline, False.
            methods: One name in `METHODS` or several; `auto` chooses the method that suits the model.
            unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
                `clause` (a part of a sentence between punctuation).
            **options: See `hf_gradexplain.options.Options`.

        Returns:
            An `Explanation` for one text; `Explanations`, a list of `Explanation` objects, for several. Long texts are
            truncated to make room for the hypothesis, for some labels more than for others; `truncated_at` is the
            offset of the first character that is cut for every label.

        Raises:
            GradexplainError: An argument cannot be used; the message says how to fix it.
        """
        chosen = call_options(methods, unit, None, options)
        _check_fit(chosen)
        labels = parse_labels(candidate_labels)
        template = self._template if hypothesis_template is None else hypothesis_template
        texts = plain(texts)
        single = is_text(texts)
        if chosen.self_check is None:
            chosen = replace(chosen, self_check=single)
        encoder = self._encoder(chosen)
        given = [_only_text(text, "" if single else f"text {number}: ") for number, text in enumerate(listed(texts))]
        documents = [encoder.hypotheses(text, labels, template) for text in given]
        outputs = self._outputs(labels, multi_label=self._multi_label if multi_label is None else multi_label)
        explanations = collect(self.score(documents, chosen, outputs=outputs))
        return explanations[0] if single else explanations

    def _encoder(self, options: Options) -> HypothesisEncoder:
        kwargs = read_kwargs(options.tokenizer_kwargs)
        return HypothesisEncoder(
            self.tokenizer, self.profile.max_length, options.unit, self.profile.pad_id or 0, kwargs
        )

    def _outputs(self, labels: tuple[str, ...], *, multi_label: bool) -> Outputs:
        """Return how the logits of the sequences become those of the labels, as in the pipeline."""
        weights = [0.0] * self.profile.n_outputs
        weights[self._entailment] += 1
        independent = multi_label or len(labels) == 1
        if independent:
            weights[-1 if self._entailment == 0 else 0] -= 1  # contradiction
        return Outputs(OnePerSequence(tuple(weights)), labels, "sigmoid" if independent else "softmax")


def _check_fit(options: Options) -> None:
    """Raise an error for options that do not fit zero-shot classification."""
    if options.target == "label":
        raise GradexplainError("target='label' does not fit zero-shot classification: name a candidate label")
    for name, why in _UNFIT.items():
        if getattr(options, name) != getattr(Options, name):
            raise GradexplainError(f"{name} does not fit zero-shot classification: {why}")


def _only_text(text: Any, which: str) -> str:
    """Return a text, and refuse pairs and conversations; `which` is the beginning of the message."""
    if not isinstance(text, str):
        kind = "a pair" if isinstance(text, tuple) and len(text) == 2 else type(text).__name__
        raise GradexplainError(
            f"{which}zero-shot classification takes texts, neither pairs nor conversations: give a str, not {kind}"
        )
    return text
