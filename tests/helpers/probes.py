"""Profiles of models that were probed before, since probing takes longer than most tests."""

import io
import pickle
from functools import wraps
from hashlib import sha256

import torch


class _Pickler(pickle.Pickler):
    """Pickles tensors by their values: the bytes that PyTorch writes have an address in them."""

    def persistent_id(self, value):
        if not isinstance(value, torch.Tensor):
            return None
        data = value.detach().cpu().contiguous().flatten().view(torch.uint8)
        return value.dtype, value.shape, value.requires_grad, data.numpy().tobytes()


def fingerprint(*objects):
    """Return a digest of all that these objects hold; None if something cannot be pickled or read."""
    file = io.BytesIO()
    try:
        _Pickler(file).dump((objects, torch.backends.mkldnn.enabled))
    except (AttributeError, TypeError, NotImplementedError, pickle.PicklingError):
        return None
    return sha256(file.getbuffer()).digest()


def remembered(probe):
    """Return `probe` with a memory: of several equal models it probes one, unless probing changes that one."""
    profiles = {}

    @wraps(probe)
    def remember(model, tokenizer):
        key = fingerprint(model, tokenizer)
        if key in profiles:
            return profiles[key]
        profile = probe(model, tokenizer)
        if key is not None and fingerprint(model, tokenizer) == key:
            profiles[key] = profile
        return profile

    return remember
