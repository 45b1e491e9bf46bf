"""Score texts batch by batch: the engine that `Explainer`, evaluations and recipes use."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Self

import pandas as pd
import torch
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.attribution.all_classes import AllClasses, only_target
from hf_gradexplain.attribution.choice import Choice, choose_method
from hf_gradexplain.attribution.methods import Method, Scores, check_names, score_classes, score_dims, select
from hf_gradexplain.attribution.prepare import Outputs, baselines_of, head_of_model, prepare
from hf_gradexplain.classifier.combine import Pool
from hf_gradexplain.classifier.head import Head, class_names_of
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.memory import run_halving_on_oom
from hf_gradexplain.classifier.state import device_of, frozen_eval_mode
from hf_gradexplain.classifier.targets import Labels, against_ids, class_ids, label_ids, target_ids
from hf_gradexplain.engine.memory import check_memory
from hf_gradexplain.engine.scored import ScoredBatch, collect
from hf_gradexplain.explanation import Explanations
from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.loading import accept, check_weights, load_classifier, unwrap
from hf_gradexplain.loading.card_results import card_results
from hf_gradexplain.options import AUTO, DELETION, BaselineName, ObjectiveName, Options, ProblemTypeName, UnitName
from hf_gradexplain.options.tokenizer_kwargs import read_kwargs
from hf_gradexplain.perturb import GENERIC, Shortcut, shortcut_of
from hf_gradexplain.probing.compiled import CompiledLayers
from hf_gradexplain.probing.doctor import examine
from hf_gradexplain.probing.padding import PaddingLimit
from hf_gradexplain.probing.probe import probe
from hf_gradexplain.probing.report import Report
from hf_gradexplain.probing.tokenizer_checks import check_token_ids, check_tokenizer, warn_of_undivided
from hf_gradexplain.text.chat import check_roles
from hf_gradexplain.text.collate import collate, first_of_each, plan_batches, special_tokens
from hf_gradexplain.text.data import Document
from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.given_units import GivenUnits, with_units
from hf_gradexplain.text.texts import Text, as_given, without_surrogates


class AttributionEngine:
    """One classifier, probed and ready to score texts.

    The model's parameters, mode, configuration and hooks are restored after each batch, also after an exception.

    Its attributes and arguments are those of `hf_gradexplain.Explainer`, which lists them.

    Raises:
        GradexplainError: The model has no classification head, its weights are not finite, all its word vectors are
            zero, the tokenizer is that of another model, or the embedding lookups of the model cannot be found.
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
        class_names_of(getattr(self.model, "config", None), self.profile.n_outputs, self._names)

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
        """Load a classifier and its tokenizer by hub name or from a folder.

        Args:
            name: Hub name or folder. An adapter is applied to its base model.
            revision: Branch, tag or commit.
            device: None for a GPU if there is one, "auto" to spread the model over all GPUs, the CPU and the disk.
            dtype: The dtype of the weights, or "auto" for that of the checkpoint; see `load_checkpoint`.
            trust_remote_code: Whether code from the repository may run.
            allow_pickle: Whether weights may be pickled (.bin). Only their tensors are unpickled, nothing else.

        Raises:
            GradexplainError: The model cannot be loaded, or it cannot be explained.
        """
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
        """Check how the model behaves, and report what was found and whether it is a problem.

        Args:
            problem_type: How the logits become probabilities, as in `Options`.
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
        config = getattr(self.model, "config", None)
        return tuple(map(without_surrogates, class_names_of(config, self.profile.n_outputs, self._names)))

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
        return collect(self.run(texts, options, labels), self.true_classes(len(texts), options, labels))

    def true_classes(self, texts: int, options: Options, labels: Labels) -> list[int] | None:
        """Return the ids of labels that are known, but not explained; None if there are none."""
        known = labels is not None and options.target != "label"
        return label_ids(labels, texts, self.class_names) if known else None

    def run(self, texts: Sequence[Text], options: Options, labels: Labels = None) -> Iterator[ScoredBatch]:
        """Score texts batch by batch, the shortest first.

        Between batches the model is in its original state: code that runs the model there needs `frozen_eval_mode`.
        """
        return self.score(self.encode(texts, options), options, labels)

    def score(
        self,
        documents: Sequence[Document],
        options: Options,
        labels: Labels = None,
        outputs: Outputs | None = None,
        methods: dict[str, Method] | None = None,
    ) -> Iterator[ScoredBatch]:
        """Score documents as `run` does.

        Args:
            documents: The documents. If they are read as several sequences that are not windows, give `outputs`.
            options: How to explain.
            labels: One class for all documents or one per document, by id or name.
            outputs: How the logits of a document are made from those of its sequences; None to pool them over windows.
            methods: The methods by name; None for those of the options. With an empty dict, the model only predicts.
        """
        why = str(self.automatic) if AUTO in options.methods else ""
        options, outputs = self.resolve(options), outputs or self._pooled(options)
        names = outputs.class_names if outputs else self.class_names
        targets = target_ids(options.target, labels, len(documents), names)
        device = device_of(self.model)
        methods = select(options.methods, options) if methods is None else methods
        graph = any(method.source.takes_gradients for method in methods.values())
        check_memory(documents, self.model, gradients=graph)
        check_token_ids(documents, self.tokenizer, self.model)
        warn_of_undivided(documents, self.tokenizer, options.unit)
        lengths = [max(part.stop - part.start for part in document.sequences) for document in documents]
        counts = [len(document.sequences) for document in documents]
        with frozen_eval_mode(self.model):
            classifier = self._classifier(options, outputs)
            against = against_ids(options.against, targets, names, classifier.objective.head)
            masked = read_kwargs(options.tokenizer_kwargs).get("return_attention_mask", True)
            classifier = replace(classifier, padded_up_to=self._padding_limit(classifier, lengths) if masked else 0)
        kinds, limit = first_of_each(special_tokens(documents, self.tokenizer), counts), classifier.padded_up_to
        plan = plan_batches(lengths, classifier.batch_tokens, padded_up_to=limit, kinds=kinds, counts=counts)
        named = class_ids(options.classes, names)
        classes = AllClasses(options.top_classes, options.threshold, named) if options.target == "all" else only_target

        def score(chosen: list[int]) -> list[Scores]:
            some, wanted = [documents[i] for i in chosen], [targets[i] for i in chosen]
            others = against and [against[i] for i in chosen]
            with frozen_eval_mode(self.model):
                batch = collate(some, wanted, self.tokenizer, device, options.seed, others)
                return score_classes(classifier, batch, methods, classes)

        def tokens(chosen: list[int]) -> int:
            return sum(counts[i] for i in chosen) * max(lengths[i] for i in chosen)

        baselines = baselines_of(self.profile, options)
        for chosen, result in run_halving_on_oom(plan, tokens, score, self.model, graph=graph):
            first, *others = (
                ScoredBatch(tuple(chosen), options, **vars(scores), class_names=names, baselines=baselines, why=why)
                for scores in result
            )
            yield replace(first, others=tuple(others))

    def gradient_times_input(
        self,
        text: Text,
        unit: UnitName = Options.unit,
        label: int | str | None = None,
        *,
        units: GivenUnits | None = None,
        objective: ObjectiveName = Options.objective,
        baseline: BaselineName | None = None,
    ) -> pd.DataFrame:
        """Return gradient times input before it is summed over the embedding dims: `-g_i e_i`, a row per unit.

        `hf_gradexplain.plots.heatmap` draws the table.

        Args:
            text: A text, or a text pair `(a, b)` or `{"text": a, "text_pair": b}`.
            unit: What gets one row: `token`, `word`, `word_type`, `sentence` or `clause`.
            label: The class to explain, by id or name; None for the predicted class.
            units: Your own units in place of `unit`: a list of spans `(start, end)`, or a function that takes the text
                and returns this list.
            objective: The function to explain: `loss`, `logit` or `prob`.
            baseline: What is subtracted from the word vectors: a name as in `Options`.

        Returns:
            A table `(U, D)` with the texts of the units as its index. The sum of a row is the `signed_gi` score of the
            unit.

        Raises:
            GradexplainError: An argument cannot be used, or the model cannot give gradients.
        """
        target = "predicted" if label is None else "label"
        options = Options(("signed_gi",), unit, target=target, objective=objective, baseline=baseline)
        targets = target_ids(options.target, label, 1, self.class_names)
        (document,) = documents = self.encode(*with_units([as_given(text)], options, units, single=True))
        with frozen_eval_mode(self.model):
            batch = collate(documents, targets, self.tokenizer, device_of(self.model), options.seed)
            (scores,) = score_dims(self._classifier(options), batch)
        texts = pd.Index([unit.text for unit in document.units], name="unit")
        return pd.DataFrame(scores.detach().cpu().double().numpy()[: len(texts)], index=texts)

    def longest(self, options: Options) -> int | None:
        """The largest number of tokens of a text that the model reads; None without a limit, such as with a stride."""
        return self.profile.max_length if options.stride is None else None

    def shortcut(self, options: Options) -> Shortcut:
        """Return the shortcut that all texts can use; the generic form if there is none.

        Shortcuts are not used if long texts are cut into windows, or if removed units are deleted from the text.
        """
        none = self._encoder(options).windows or options.mask == DELETION
        return GENERIC if none else shortcut_of(self.model)

    def encode(self, texts: Sequence[Text], options: Options) -> list[Document]:
        """Return the texts as documents, tokenized as the options say."""
        return self._encoder(options)(texts)

    def _encoder(self, options: Options) -> Encoder:
        limit, filler, kwargs = self.profile.max_length, self.profile.pad_id or 0, read_kwargs(options.tokenizer_kwargs)
        roles, stride = options.explain_roles, options.stride
        return Encoder(self.tokenizer, limit, options.unit, filler, kwargs, roles, stride)

    def _pooled(self, options: Options) -> Outputs | None:
        """How the logits of a text are made from those of its windows; None if texts are not cut into windows."""
        windows = self._encoder(options).windows
        return None if windows is None else Outputs(Pool(options.pool), self.class_names, self.head(options))

    def head(self, options: Options) -> Head:
        """Return the function that turns the model's logits into probabilities: `softmax`, `sigmoid` or `identity`."""
        return head_of_model(self.model, self.profile, options.problem_type or self._problem_type)

    def _classifier(self, options: Options, outputs: Outputs | None = None) -> HookedClassifier:
        """Return the model with its lookups and the settings of these options."""
        head = outputs.head if outputs else self.head(options)
        classifier = prepare(self.model, self.tokenizer, self.profile, options, head)
        if options.torch_compile and not classifier.for_propagation and shortcut_of(self.model) is GENERIC:
            classifier = replace(classifier, compiled=self._compiled(classifier))
        return replace(classifier, combine=outputs.combine) if outputs else classifier
