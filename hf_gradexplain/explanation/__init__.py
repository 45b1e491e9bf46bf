"""The result of explaining texts: units and scores, how far to trust them, and how they are shown and stored."""

from hf_gradexplain.explanation.explanation import Explanation
from hf_gradexplain.explanation.explanations import Explanations

__all__ = ["Explanation", "Explanations"]
