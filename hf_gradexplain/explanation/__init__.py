"""The result of explaining texts: units and scores, how reliable they are, and how to display and store them."""

from hf_gradexplain.explanation.explanation import Explanation
from hf_gradexplain.explanation.explanations import Explanations

__all__ = ["Explanation", "Explanations"]
