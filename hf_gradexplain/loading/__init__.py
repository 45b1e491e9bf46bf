"""Load models and tokenizers by hub name or from a folder, and check that they are safe and complete."""

from hf_gradexplain.loading.accepted import Accepted, accept
from hf_gradexplain.loading.checkpoint import Checkpoint, load_checkpoint, load_classifier
from hf_gradexplain.loading.weights import check_missing, check_weights, unwrap

__all__ = [
    "Accepted",
    "Checkpoint",
    "accept",
    "check_missing",
    "check_weights",
    "load_checkpoint",
    "load_classifier",
    "unwrap",
]
