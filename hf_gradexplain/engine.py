"""Score texts batch by batch: the engine under `Explainer`, the evaluation and the recipes."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Self

import pandas as pd
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.attribution.baseline import baseline_vectors
from hf_gradexplain.attribution.choice import Choice, choose_method
from hf_gradexplain.attribution.methods import (
    check_names,
    multiplies_by_words,
    score_batch,
    score_dims,
    select,
    uses_baseline,
)
from hf_gradexplain.attribution.sources import propagates, takes_gradients
from hf_gradexplain.classifier.head import class_names_of, head_of, named_sigmoid
from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.classifier.memory import run_halving_on_oom
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import device_of, frozen_eval_mode
from hf_gradexplain.classifier.targets import Labels, against_ids, label_ids, target_ids
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.explanations import Explanations
from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.loading import accept, check_weights, load_classifier, unwrap
from hf_gradexplain.loading.card_results import card_results
from hf_gradexplain.options import AUTO, BaselineName, ObjectiveName, Options, ProblemTypeName, UnitName
from hf_gradexplain.perturb import GENERIC, shortcut_of
from hf_gradexplain.probing.compiled import CompiledLayers
from hf_gradexplain.probing.doctor import examine
from hf_gradexplain.probing.padding import PaddingLimit
from hf_gradexplain.probing.probe import probe, raw_sum_warning
from hf_gradexplain.probing.report import Report
from hf_gradexplain.probing.tokenizer_checks import check_token_ids, check_tokenizer, warn_of_undivided
from hf_gradexplain.scored import ScoredBatch, warn_of_incomplete
from hf_gradexplain.text.chat import check_roles
from hf_gradexplain.text.collate import collate, plan_batches, special_tokens
from hf_gradexplain.text.data import Document
from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.texts import Text, without_surrogates
from hf_gradexplain.tokenizer_kwargs import read_kwargs
from hf_gradexplain.viz.tables import join_words

BATCH_TOKENS = {"cpu": 1024, "cuda": 32768}
"""The default token budget of one forward pass, per kind of device."""


class AttributionEngine:
    """One classifier, probed and ready to score texts.

    The model's parameters, mode, configuration and hooks are restored after each batch, also after an exception.

    Its attributes and arguments are those of `hf_gradexplain.Explainer`, which lists them.

    Raises:
        GradexplainError: The model has no classification head, its weights are not finite or its word vectors zero,
            the tokenizer is that of another model, or its embedding lookups cannot be found.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase | None = None,
        *,
        class_names: Sequence[str] | None = None,
    ) -> None:
        accepted = accept(model, tokenizer)
        check_weights(accepted.model)
        self.model: Any = unwrap(accepted.model)
        self.tokenizer = accepted.tokenizer
        self.provenances: Mapping[str, Provenance] = {}
        check_tokenizer(self.tokenizer, self.model)
        self.profile = probe(self.model, self.tokenizer)
        self._padding_limit = PaddingLimit(self.profile, self.tokenizer)
        self._compiled = CompiledLayers(self.tokenizer, self.profile.tolerance)
        self._problem_type = accepted.problem_type
        self._names = accepted.class_names if class_names is None else class_names
        class_names_of(self._config, self.profile.n_outputs, self._names)

    @classmethod
    def from_pretrained(
        cls,
        name: str,
        *,
        revision: str | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | str = torch.float32,
        trust_remote_code: bool = False,
        allow_pickle: bool = False,
    ) -> Self:
        """Load a classifier by hub name or from a folder; see `hf_gradexplain.loading.load_classifier`."""
        checkpoint = load_classifier(
            name,
            revision=revision,
            device=device,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
        engine = cls(checkpoint.model, checkpoint.tokenizer)
        engine.provenances = checkpoint.provenances
        return engine

    def check(self, problem_type: ProblemTypeName | None = None) -> Report:
        """Check how the model behaves: what was found, whether it is a problem, and what is done about it.

        Args:
            problem_type: What the model's logits are, as in `Options`.
        """
        return examine(self.model, self.tokenizer, self.profile, problem_type or self._problem_type)

    @cached_property
    def automatic(self) -> Choice:
        """The method that `auto` stands for on this model, and why."""
        model = self.provenances.get("model")
        return choose_method(self.profile, card_results(model) if model is not None else {})

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the model's classes: `(C,)`."""
        return tuple(map(without_surrogates, class_names_of(self._config, self.profile.n_outputs, self._names)))

    @property
    def _config(self) -> Any:
        return getattr(self.model, "config", None)

    def resolve(self, options: Options) -> Options:
        """Return the options with `auto` replaced by the method that suits the model.

        Raises:
            GradexplainError: A method is unknown.
        """
        check_names(options.methods)
        names = (self.automatic.method if name == AUTO else name for name in options.methods)
        return replace(options, methods=tuple(dict.fromkeys(names)))

    def explanations(self, texts: Sequence[Text], options: Options, labels: Labels = None) -> Explanations:
        """Explain texts, in their order.

        Args:
            texts: Texts, text pairs `(a, b)` and conversations.
            options: How to explain.
            labels: The true classes: one for all texts or one per text, by id or name. They are explained if
                `options.target` is `label`, and noted as `Explanation.label` otherwise.
        """
        check_roles(texts, options.explain_roles)
        known = labels is not None and options.target != "label"
        true = label_ids(labels, len(texts), self.class_names) if known else []
        explanation_of: dict[int, Explanation] = {}
        for batch in self.run(texts, options, labels):
            explained = batch.checked_explanations() if options.self_check else batch.explanations()
            explanation_of |= zip(batch.indices, explained, strict=True)
        explanations = Explanations(explanation_of[i] for i in range(len(texts)))
        if true:
            explanations = Explanations(replace(e, label=label) for e, label in zip(explanations, true, strict=True))
        warn_of_incomplete(explanations)
        return explanations

    def run(self, texts: Sequence[Text], options: Options, labels: Labels = None) -> Iterator[ScoredBatch]:
        """Score texts batch by batch, the shortest first.

        Between batches the model is in its original state: code that runs it then needs `frozen_eval_mode`.
        """
        why = str(self.automatic) if AUTO in options.methods else ""
        options, class_names = self.resolve(options), self.class_names
        targets = target_ids(options.target, labels, len(texts), class_names)
        device, methods = device_of(self.model), select(options.methods, options.steps)
        documents = self.encode(texts, options)
        check_token_ids(documents, self.tokenizer, self.model)
        warn_of_undivided(documents, self.tokenizer, options.unit)
        lengths = [len(document) for document in documents]
        with frozen_eval_mode(self.model):
            classifier = self._classifier(options)
            against = against_ids(options.against, targets, class_names, classifier.objective.head)
            masked = read_kwargs(options.tokenizer_kwargs).get("return_attention_mask", True)
            padded_up_to = self._padding_limit(classifier, lengths) if masked else 0
        kinds = special_tokens(documents, self.tokenizer)
        plan = plan_batches(lengths, classifier.batch_tokens, padded_up_to=padded_up_to, kinds=kinds)
        graph = any(takes_gradients(method.source) for method in methods.values())

        def score(chosen: list[int]) -> tuple[ForwardPass, dict[str, Tensor], dict[str, Tensor]]:
            some, wanted = [documents[i] for i in chosen], [targets[i] for i in chosen]
            others = against and [against[i] for i in chosen]
            with frozen_eval_mode(self.model):
                batch = collate(some, wanted, self.tokenizer, device, options.seed, others)
                return score_batch(classifier, batch, methods)

        def tokens(chosen: list[int]) -> int:
            return len(chosen) * max(lengths[i] for i in chosen)

        baselines = self.baselines(options)
        for chosen, result in run_halving_on_oom(plan, tokens, score, self.model, graph=graph):
            forward, scores, completeness = result
            yield ScoredBatch(tuple(chosen), options, forward, scores, class_names, completeness, baselines, why)

    def gradient_times_input(
        self,
        text: Text,
        unit: UnitName = Options.unit,
        label: int | str | None = None,
        *,
        objective: ObjectiveName = Options.objective,
        baseline: BaselineName | None = None,
    ) -> pd.DataFrame:
        """Return the scores of `signed_gi` before their sum over embedding dims: `-g_i e_i`, a row per unit.

        `hf_gradexplain.plots.heatmap` draws them.

        Args:
            text: A text, or a text pair as a tuple `(a, b)`.
            unit: What gets one row: `token`, `word` or `word_type`.
            label: The class to explain, by id or name; the predicted one if None.
            objective: The function to explain: `loss`, `logit` or `prob`.
            baseline: The baseline of the word vectors, as for `signed_gi`.

        Returns:
            A table `(U, D)` with the units' texts as its index; its row sums are the `signed_gi` scores.

        Raises:
            GradexplainError: An argument cannot be used, or the model cannot give gradients.
        """
        target = "predicted" if label is None else "label"
        options = Options(("signed_gi",), unit, target=target, objective=objective, baseline=baseline)
        targets = target_ids(options.target, label, 1, self.class_names)
        (document,) = documents = self.encode([text], options)
        with frozen_eval_mode(self.model):
            batch = collate(documents, targets, self.tokenizer, device_of(self.model), options.seed)
            (scores,) = score_dims(self._classifier(options), batch)
        texts = pd.Index([unit.text for unit in document.units], name="unit")
        return pd.DataFrame(scores.detach().cpu().double().numpy()[: len(texts)], index=texts)

    def encode(self, texts: Sequence[Text], options: Options) -> list[Document]:
        """Return the texts as documents, tokenized as the options say."""
        limit, filler, kwargs = self.profile.max_length, self.profile.pad_id or 0, read_kwargs(options.tokenizer_kwargs)
        return Encoder(self.tokenizer, limit, options.unit, filler, kwargs, options.explain_roles)(texts)

    def _classifier(self, options: Options) -> HookedClassifier:
        """The model with its lookups, as these options run it."""
        multiplying = [name for name, method in select(options.methods).items() if multiplies_by_words(method)]
        if multiplying and options.baseline == "zero" and not self.profile.zero_baseline_works:
            warnings.warn(
                f"{type(self.model).__name__} ignores the length of its word vectors, so that zero is no baseline for "
                f"{join_words(multiplying)}: leave out baseline='zero'",
                stacklevel=4,
            )
        if "sa_raw" in options.methods and not self.profile.raw_sums_work:
            warnings.warn(raw_sum_warning(self.model), stacklevel=4)
        batch_tokens = options.batch_tokens or BATCH_TOKENS.get(device_of(self.model).type, BATCH_TOKENS["cpu"])
        problem_type = options.problem_type or self._problem_type
        head = head_of(self._config, self.profile.n_outputs, problem_type)
        if head == "softmax" and problem_type is None and (setting := named_sigmoid(self._config)):
            warnings.warn(
                f"the configuration of {type(self.model).__name__} says {setting}, but has no problem_type, so that "
                "probabilities are those of a softmax: give problem_type='multi_label_classification' for sigmoids",
                stacklevel=4,
            )
        objective = Objective(options.objective, head)
        runs_whole = shortcut_of(self.model) is GENERIC
        bf16 = runs_whole and options.mixed_precision == "bf16"
        by_rules = any(propagates(method.source) for method in select(options.methods).values())
        if by_rules and options.torch_compile:
            warnings.warn("torch_compile is ignored: relevance propagation needs uncompiled layers", stacklevel=4)
        classifier = self.profile.classifier(
            self.model, objective, batch_tokens, mixed_precision=bf16, for_propagation=by_rules
        )
        return replace(
            classifier,
            compiled=self._compiled(classifier) if runs_whole and options.torch_compile and not by_rules else {},
            baseline=baseline_vectors(classifier, self.tokenizer, options.baseline or "zero"),
            gradient_baseline=baseline_vectors(classifier, self.tokenizer, self._gradient_baseline(options)),
        )

    def _gradient_baseline(self, options: Options) -> BaselineName:
        """The baseline of methods that multiply ordinary gradients by word vectors."""
        return options.baseline or ("zero" if self.profile.zero_baseline_works else "mean")

    def baselines(self, options: Options) -> dict[str, str]:
        """Return the baseline of each method that has one; the methods must be resolved."""
        named = select(options.methods)
        masking = options.baseline or "zero"
        baselines: dict[str, str] = {name: masking for name, method in named.items() if uses_baseline(method)}
        multiplying = {name for name, method in named.items() if multiplies_by_words(method)}
        return baselines | dict.fromkeys(multiplying & baselines.keys(), self._gradient_baseline(options))
