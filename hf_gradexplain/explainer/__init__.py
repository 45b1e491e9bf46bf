"""The class `Explainer`, with its methods grouped by subject in modules, and the function `explain`."""

from hf_gradexplain.explainer.explainer import Explainer, explain

__all__ = ["Explainer", "explain"]
