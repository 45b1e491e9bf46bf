"""Score texts batch by batch: the engine under `Explainer`, the evaluation and the recipes."""

from hf_gradexplain.engine.engine import AttributionEngine

__all__ = ["AttributionEngine"]
