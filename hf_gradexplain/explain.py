"""The user's API: `Explainer`, and `explain` in one line."""

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, overload

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from hf_gradexplain.attribution.baseline import BaselineName, baseline_vectors
from hf_gradexplain.attribution.methods import score_batch, select
from hf_gradexplain.attribution.sources import takes_gradients
from hf_gradexplain.classifier.hooked_classifier import Classifier, Reading, left_as_found
from hf_gradexplain.classifier.memory import halving
from hf_gradexplain.classifier.objective import Objective, ObjectiveName, head_of
from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.engine import ScoredBatch
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.hub.provenance import Origin
from hf_gradexplain.loading import check_finite, load_classifier, unwrapped
from hf_gradexplain.options import Labels, Options, Precision, TargetName, target_ids
from hf_gradexplain.perturb import GENERIC, short_cut_of
from hf_gradexplain.probing.compiled import CompiledLayers
from hf_gradexplain.probing.doctor import Report, examine
from hf_gradexplain.probing.padding import PaddingLimit
from hf_gradexplain.probing.probe import probe
from hf_gradexplain.text.data import Document
from hf_gradexplain.text.encode import Encoder, Text, UnitName, collate, listed, plan_batches, without_surrogates

BATCH_TOKENS = {"cpu": 1024, "cuda": 32768}
"""The default token budget of one forward pass, per kind of device."""


class Explainer:
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

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        check_finite(model)
        self.model: Any = unwrapped(model)
        self.tokenizer = tokenizer
        self.origins: Mapping[str, Origin] = {}
        self.profile = probe(self.model, tokenizer)
        self._padding_limit = PaddingLimit(self.profile, tokenizer)
        self._compiled = CompiledLayers(tokenizer, self.profile.tolerance)

    def check(self) -> Report:
        """Look the model over: what was found, whether it is a problem, and what is done about it."""
        return examine(self.model, self.tokenizer, self.profile)

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
    ) -> "Explainer":
        """Load a classifier by hub name or from a folder; see `hf_gradexplain.loading.load_classifier`."""
        found = load_classifier(
            name,
            revision=revision,
            device=device,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
        explainer = cls(found.model, found.tokenizer)
        explainer.origins = found.origins
        return explainer

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

    def run(self, texts: Sequence[Text], options: Options, labels: Labels = None) -> Iterator[ScoredBatch]:
        """Score texts batch by batch, the shortest first.

        `Explainer.__call__` and the evaluation both stand on this. Between batches the model is as it was
        found: whoever goes on with it does so within `left_as_found`.
        """
        class_names = self._class_names()
        targets = target_ids(options.target, labels, len(texts), class_names)
        device, methods = device_of(self.model), select(options.methods)
        documents = Encoder(self.tokenizer, self.profile.max_length, options.unit, self.profile.pad_id or 0)(texts)
        lengths = [len(document) for document in documents]
        with left_as_found(self.model):
            classifier = self._classifier(options)
            padded_up_to = self._padding_limit(classifier, lengths)
        kinds = [self._special_tokens(document) for document in documents]
        plan = plan_batches(lengths, classifier.batch_tokens, padded_up_to=padded_up_to, kinds=kinds)
        graph = any(takes_gradients(method.source) for method in methods.values())

        def score(chosen: list[int]) -> tuple[Reading, dict[str, Tensor]]:
            some, wanted = [documents[i] for i in chosen], [targets[i] for i in chosen]
            with left_as_found(self.model):
                return score_batch(classifier, collate(some, wanted, self.tokenizer, device, options.seed), methods)

        def tokens(chosen: list[int]) -> int:
            return len(chosen) * max(lengths[i] for i in chosen)

        for chosen, (reading, scores) in halving(plan, tokens, score, self.model, graph=graph):
            yield ScoredBatch(tuple(chosen), options, classifier, reading, scores, class_names)

    def _classifier(self, options: Options) -> Classifier:
        """The model as these options read it."""
        profile = self.profile
        if "signed_gi" in options.methods and options.baseline == "zero" and not profile.zero_baseline:
            warnings.warn(
                f"{type(self.model).__name__} ignores the length of its word vectors, so that signed_gi from zero is "
                "rounding noise: choose baseline='mean', or methods='loo'",
                stacklevel=4,
            )
        batch_tokens = options.batch_tokens or BATCH_TOKENS.get(device_of(self.model).type, BATCH_TOKENS["cpu"])
        objective = Objective(options.objective, head_of(self.model.config))
        classifier = profile.classifier(self.model, objective, batch_tokens)
        if short_cut_of(self.model) is GENERIC:
            classifier = replace(classifier, mixed_precision=options.mixed_precision == "bf16")
            classifier = self._compiled(classifier) if options.torch_compile else classifier
        return replace(classifier, baseline=baseline_vectors(classifier, self.tokenizer, options.baseline))

    def _special_tokens(self, document: Document) -> tuple[int, ...]:
        """How often each occurs: some models refuse batches of texts with different numbers of ends."""
        ids, anywhere = document.inputs["input_ids"], (self.tokenizer.unk_token_id, self.tokenizer.pad_token_id)
        return tuple(ids.count(i) for i in self.tokenizer.all_special_ids if i not in anywhere)

    def _class_names(self) -> tuple[str, ...]:
        config = self.model.config
        names: dict[Any, str] = config.id2label or {}
        return tuple(without_surrogates(str(names.get(i, i))) for i in range(config.num_labels or 1))


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
