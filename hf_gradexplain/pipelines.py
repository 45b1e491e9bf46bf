"""`pipeline("text-attribution", model="org/model")`, registered when the package is imported."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from transformers import AutoModelForSequenceClassification, Pipeline
from transformers.pipelines import PIPELINE_REGISTRY

from hf_gradexplain.attribution.baseline import BaselineName
from hf_gradexplain.classifier.objective import ObjectiveName
from hf_gradexplain.classifier.targets import TargetName
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explain import Explainer
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.text.encode import Text, UnitName

TASK = "text-attribution"


class TextAttributionPipeline(Pipeline):
    """Texts in, explanations out; the arguments of a call are those of `Explainer.__call__`."""

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

    def __call__(
        self,
        inputs: Text | Iterable[Text],
        methods: str | Sequence[str] = ("signed_gi",),
        unit: UnitName = "word",
        labels: int | Iterable[int] | None = None,
        *,
        target: TargetName | None = None,
        objective: ObjectiveName = "loss",
        seed: int = 0,
        batch_tokens: int | None = None,
        baseline: BaselineName = "zero",
    ) -> Explanation | list[Explanation]:
        """Explain one text, or several; see `Explainer.__call__`."""
        what = {"methods": methods, "unit": unit, "labels": labels, "target": target, "objective": objective}
        how = {"seed": seed, "batch_tokens": batch_tokens, "baseline": baseline}
        return self.postprocess(self.forward(self.preprocess(inputs), arguments={**what, **how}))

    def _sanitize_parameters(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        return {}, {}, {}

    def preprocess(self, inputs: Any) -> Any:
        """The texts as they are: the explainer has its own encoder."""
        return inputs

    def _forward(self, inputs: Any, arguments: dict[str, Any]) -> Any:
        return self.explainer(inputs, **arguments)

    def forward(self, inputs: Any, arguments: dict[str, Any]) -> Any:
        """Explain; the explainer moves tensors to the model's device itself."""
        return self._forward(inputs, arguments)

    def postprocess(self, outputs: Any) -> Any:
        """The explanations as they are."""
        return outputs


if TASK not in PIPELINE_REGISTRY.get_supported_tasks():
    PIPELINE_REGISTRY.register_pipeline(
        TASK, pipeline_class=TextAttributionPipeline, pt_model=AutoModelForSequenceClassification
    )
