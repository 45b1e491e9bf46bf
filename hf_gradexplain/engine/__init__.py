"""Score texts batch by batch: the engine that `Explainer`, evaluations and recipes use."""

from hf_gradexplain.engine.engine import AttributionEngine

__all__ = ["AttributionEngine"]
