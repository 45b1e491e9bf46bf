"""Which words made a text classifier decide so, and can that answer be trusted?

Importing the package registers FastText, TextCNN and BiLSTM with the Auto classes of transformers, and the pipeline
`text-attribution`.
"""

from hf_gradexplain import models, pipelines
from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explain import Explainer, explain
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.sharing import load_explanations

__all__ = [
    "METHODS",
    "Explainer",
    "Explanation",
    "GradexplainError",
    "explain",
    "load_explanations",
    "models",
    "pipelines",
]
