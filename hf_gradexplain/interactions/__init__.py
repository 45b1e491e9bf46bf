"""Interactions of pairs of words: compute them and display them."""

from hf_gradexplain.interactions.result import Interactions

__all__ = ["Interactions"]
