"""Models and tokenizers by hub name or from a folder, and whatever has to be known of them before they are used."""

from hf_gradexplain.loading.checkpoint import Checkpoint, load_checkpoint, load_classifier
from hf_gradexplain.loading.weights import check_finite, unwrapped

__all__ = ["Checkpoint", "check_finite", "load_checkpoint", "load_classifier", "unwrapped"]
