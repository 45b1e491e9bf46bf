"""The user's API: `Explainer`, its methods by subject, and `explain` in one line."""

from hf_gradexplain.explainer.explainer import Explainer, explain

__all__ = ["Explainer", "explain"]
