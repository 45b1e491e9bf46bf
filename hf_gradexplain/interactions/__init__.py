"""Which words work together: interactions of pairs of words, and how they are shown."""

from hf_gradexplain.interactions.result import Interactions

__all__ = ["Interactions"]
