"""The pipeline `text-attribution` of transformers, which is registered when this module is imported."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Unpack

from transformers import AutoModelForSequenceClassification, Pipeline
from transformers.pipelines import PIPELINE_REGISTRY

from hf_gradexplain.classifier.targets import Labels
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.options import Options, UnitName
from hf_gradexplain.options.signatures import ExplainOptions, takes_options
from hf_gradexplain.text.given_units import GivenUnits
from hf_gradexplain.text.texts import Text

TASK = "text-attribution"


class TextAttributionPipeline(Pipeline):
    """Pipeline that explains texts; a call takes the arguments of `Explainer.__call__`.

    Create it with `pipeline("text-attribution", model="org/model")` after `import hf_gradexplain`.
    """

    _load_processor = False
    _load_image_processor = False
    _load_feature_extractor = False
    _load_tokenizer = True

    @cached_property
    def explainer(self) -> Explainer:
        """The explainer of the pipeline's model."""
        if self.tokenizer is None:
            raise GradexplainError(f"the pipeline {TASK!r} needs a tokenizer: give it tokenizer=...")
        return Explainer(self.model, self.tokenizer)

    @takes_options
    def __call__(
        self,
        inputs: Text | Iterable[Text],
        methods: str | Sequence[str] = Options.methods,
        unit: UnitName = Options.unit,
        labels: Labels = None,
        *,
        units: GivenUnits | None = None,
        **options: Unpack[ExplainOptions],
    ) -> Explanation | list[Explanation]:
        """Explain one text, or several; see `Explainer.__call__`.

        Args:
            inputs: A text, a text pair as a tuple `(a, b)`, or a conversation as a list of messages
                `{"role": ..., "content": ...}`; or several in a list, an array, a Series or a column.
            methods: One name in `METHODS` or several; `auto` chooses the method that suits the model.
            unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
                `clause` (a part of a sentence between punctuation).
            labels: The true classes, by id or name: one for all texts, or one per text. They are explained unless
                `target` is given.
            units: Your own units in place of `unit`, see `Explainer.__call__`.
            **options: See `hf_gradexplain.options.Options`.

        Returns:
            An `Explanation` for one text; `Explanations`, a list of `Explanation` objects, for several.
        """
        arguments = {"methods": methods, "unit": unit, "labels": labels, "units": units, **options}
        return self.postprocess(self.forward(self.preprocess(inputs), arguments=arguments))

    def _sanitize_parameters(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        return {}, {}, {}

    def preprocess(self, inputs: Any) -> Any:
        """Return the texts as they are, because the explainer has its own encoder."""
        return inputs

    def _forward(self, inputs: Any, arguments: dict[str, Any]) -> Any:
        return self.explainer(inputs, **arguments)

    def forward(self, inputs: Any, arguments: dict[str, Any]) -> Any:
        """Explain the texts; the explainer itself moves tensors to the model's device."""
        return self._forward(inputs, arguments)

    def postprocess(self, outputs: Any) -> Any:
        """Return the explanations as they are."""
        return outputs


if TASK not in PIPELINE_REGISTRY.get_supported_tasks():
    PIPELINE_REGISTRY.register_pipeline(
        TASK, pipeline_class=TextAttributionPipeline, pt_model=AutoModelForSequenceClassification
    )
