"""The pipeline `text-attribution` of transformers, which is registered when this module is imported."""

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, TypedDict, Unpack
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import AutoModelForSequenceClassification as AutoClassifier
from transformers import Pipeline, PreTrainedModel
from transformers.pipelines import PIPELINE_REGISTRY

from hf_gradexplain.attribution.methods import check_names
from hf_gradexplain.classifier.targets import Labels
from hf_gradexplain.errors import GradexplainError, warn
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.loading import check_missing
from hf_gradexplain.options import Options, UnitName
from hf_gradexplain.options.signatures import ExplainOptions, call_options, takes_options
from hf_gradexplain.options.values import plain
from hf_gradexplain.text.given_units import GivenUnits
from hf_gradexplain.text.texts import Text

TASK = "text-attribution"

INSTEAD = {
    "batch_size": "it counts texts, but batches are filled by tokens: give batch_tokens, such as batch_tokens=1024",
    "num_workers": "texts are read in this process",
    "truncation": "texts that are too long are truncated, or read in windows with stride=...",
    "padding": "give tokenizer_kwargs={'padding': ...}",
    "max_length": "give tokenizer_kwargs={'max_length': ...}",
    "top_k": "give target='all' and top_classes=..., the largest number of classes to explain",
    "function_to_apply": "give problem_type=..., what the logits of the model are",
}
"""Arguments of other pipelines that this one does not take, and what to do instead."""


_MISSING: WeakKeyDictionary[nn.Module, tuple[str, list[str]]] = WeakKeyDictionary()
"""The name of each model that a pipeline loaded, and the weights that its checkpoint lacks."""


class LoadOptions(TypedDict, total=False):
    """The argument of `from_pretrained` that is read here; all others are handed on."""

    dtype: str | torch.dtype | None


class AutoModelForSequenceClassification(AutoClassifier):
    """Loads the model of a pipeline that is created with a name.

    The class has the name of its base, because transformers looks for this name in `auto_map` of a configuration.
    """

    @classmethod
    def from_pretrained(cls, name: str, *args: Any, **options: Unpack[LoadOptions]) -> PreTrainedModel:
        """Load a model, note which weights are missing, and warn of half precision that was not asked for.

        An error for missing weights is not raised here: transformers would load a model without a head instead.
        """
        model, info = super().from_pretrained(name, *args, output_loading_info=True, **options)
        _MISSING[model] = name, sorted(info["missing_keys"])
        asked = options.get("dtype", "auto") != "auto"
        if not asked and model.dtype in (torch.float16, torch.bfloat16):
            narrow = str(model.dtype).removeprefix("torch.")
            warn(
                f"{name!r} is loaded in {narrow}, the dtype of its weights, and its gradients are less exact: create "
                f"the pipeline with dtype='float32', or with dtype={narrow!r} to do without this warning"
            )
        return model


class PipelineOptions(ExplainOptions, total=False):
    """Keyword arguments of the pipeline itself, which are the defaults of its calls."""

    methods: str | Sequence[str] | None
    unit: UnitName | None
    units: GivenUnits | None


class TextAttributionPipeline(Pipeline):
    """Pipeline that explains texts; a call takes the arguments of `Explainer.__call__`.

    Create it with `pipeline("text-attribution", model="org/model")` after `import hf_gradexplain`. Further arguments,
    such as `methods="loo"`, are the defaults of its calls.
    """

    _load_processor = False
    _load_image_processor = False
    _load_feature_extractor = False
    _load_tokenizer = True

    _made: tuple[Any, Any, Explainer] | None = None
    """The explainer, after the model and the tokenizer that it was made of."""

    @property
    def explainer(self) -> Explainer:
        """The explainer of the pipeline's model and tokenizer; a new one if one of them has been replaced."""
        if self.tokenizer is None:
            raise GradexplainError(f"the pipeline {TASK!r} needs a tokenizer: give it tokenizer=...")
        if self._made is None or self._made[0] is not self.model or self._made[1] is not self.tokenizer:
            self._made = self.model, self.tokenizer, Explainer(self.model, self.tokenizer)
        return self._made[2]

    @takes_options
    def __call__(
        self,
        inputs: Text | Iterable[Text],
        methods: str | Sequence[str] | None = None,
        unit: UnitName | None = None,
        labels: Labels = None,
        *,
        units: GivenUnits | None = None,
        **options: Unpack[ExplainOptions],
    ) -> Explanation | list[Explanation] | Iterator[Explanation]:
        """Explain one text, or several; see `Explainer.__call__`.

        Args:
            inputs: A text, a text pair `(a, b)` or `{"text": a, "text_pair": b}`, or a conversation as a list of
                messages `{"role": ..., "content": ...}`; or several in a list, an array, a Series or a column.
                Also a generator of texts, or a dataset of PyTorch, such as a `KeyDataset` of transformers.
            methods: One name in `METHODS` or several; `auto` chooses the method that suits the model. By default those
                that the pipeline was created with, or else `auto`.
            unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
                `clause` (a part of a sentence between punctuation). By default the unit that the pipeline was created
                with, or else `word`.
            labels: The true classes, by id or name: one for all texts, or one per text. They are explained unless
                `target` is given.
            units: Your own units in place of `unit`, see `Explainer.__call__`.
            **options: See `hf_gradexplain.options.Options`.

        Returns:
            An `Explanation` for one text; `Explanations`, a list of `Explanation` objects, for several; an iterator for
            a generator or a dataset of PyTorch, which is read as the explanations are taken.
        """
        _check_names(options)
        named = {"methods": methods, "unit": unit, "labels": labels, "units": units}
        given = {k: x for k, x in named.items() if x is not None}
        replaced = ("unit", "units") if given.keys() & {"unit", "units"} else ()
        defaults = {k: x for k, x in self._forward_params.items() if k not in replaced}
        arguments = {**defaults, **given, **options}
        return self.postprocess(self.forward(self.preprocess(inputs), arguments=arguments))

    def _sanitize_parameters(
        self, **defaults: Unpack[PipelineOptions]
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Check the model and the arguments of a new pipeline, and return those of the forward pass."""
        if self.model in _MISSING:
            check_missing(*_MISSING[self.model])
        of_base = {"batch_size": self._batch_size, "num_workers": self._num_workers}
        _check_names([*defaults, *(name for name, value in of_base.items() if value is not None)])
        named = ("methods", "unit", "units")  # None stands for the default, as in `__call__`
        given: dict[str, Any] = {k: x for k, x in defaults.items() if k not in named or x is not None}
        options: Any = {k: x for k, x in given.items() if k not in named}
        methods, unit = given.get("methods", Options.methods), given.get("unit", Options.unit)
        check_names(call_options(methods, unit, None, options).methods)
        return {}, given, {}

    def preprocess(self, inputs: Any) -> Any:
        """Return the texts as they are, because the explainer has its own encoder."""
        return inputs

    def _forward(self, inputs: Any, arguments: dict[str, Any]) -> Any:
        texts = plain(inputs)
        if (lazy := _lazy(texts)) is not None:
            return self.explainer.stream(lazy, progress=False, **arguments)
        return self.explainer(texts, **arguments)

    def forward(self, inputs: Any, arguments: dict[str, Any]) -> Any:
        """Explain the texts; the explainer itself moves tensors to the model's device."""
        return self._forward(inputs, arguments)

    def postprocess(self, outputs: Any) -> Any:
        """Return the explanations as they are."""
        return outputs


def _lazy(texts: Any) -> Any:
    """Return an iterable of texts that are read one after the other; None for one text or a collection of texts."""
    is_dataset = isinstance(texts, Dataset)
    if is_dataset and not isinstance(texts, Iterable):
        return map(texts.__getitem__, range(len(texts)))
    return texts if is_dataset or (isinstance(texts, Iterable) and not isinstance(texts, Sized)) else None


def _check_names(names: Iterable[str]) -> None:
    """Raise an error for arguments that other pipelines take."""
    for name in names:
        if name in INSTEAD:
            raise GradexplainError(f"the pipeline {TASK!r} takes no {name}: {INSTEAD[name]}")


if TASK not in PIPELINE_REGISTRY.get_supported_tasks():
    PIPELINE_REGISTRY.register_pipeline(
        TASK, pipeline_class=TextAttributionPipeline, pt_model=AutoModelForSequenceClassification
    )
