"""Logits of texts with removed units: leave-one-out, removal curves, and any set of units.

Masking a unit sets the word vectors of all its tokens to the baseline, which is zero by default. Positions, attention
mask and length do not change. With `mask="deletion"`, the tokens are cut out instead, and the text gets shorter. The
generic form runs masked copies of the texts and works for every model. A model class may have an exact shortcut, see
docs/write-a-shortcut.md. The shortcuts of FastText, TextCNN and BiLSTM rely on one fact: masking a vector commutes with
every linear map that follows it, so the vectors are projected once and masked afterwards. In causal models, masked
copies share the tokens before their masked word, see `shared_prefix`.
"""

from hf_gradexplain.perturb.shortcuts import (
    GENERIC,
    SHORTCUTS,
    Shortcut,
    forward_to_leave_one_out,
    has_curve_shortcut,
    has_gradient_shortcut,
    is_additive,
    leave_one_out,
    register_shortcut,
    removal_curves,
    shortcut_gradients,
    shortcut_of,
    subset_logits,
    why_no_shortcut,
)

__all__ = [
    "GENERIC",
    "SHORTCUTS",
    "Shortcut",
    "forward_to_leave_one_out",
    "has_curve_shortcut",
    "has_gradient_shortcut",
    "is_additive",
    "leave_one_out",
    "register_shortcut",
    "removal_curves",
    "shortcut_gradients",
    "shortcut_of",
    "subset_logits",
    "why_no_shortcut",
]
