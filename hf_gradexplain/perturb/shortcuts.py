"""Leave-one-out and removal curves by the fastest exact way that a model class has; shortcuts are registered here."""

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.models.bilstm.modeling_bilstm import BiLSTMForSequenceClassification
from hf_gradexplain.models.fasttext.modeling_fasttext import FastTextForSequenceClassification
from hf_gradexplain.models.textcnn.modeling_textcnn import TextCNNForSequenceClassification
from hf_gradexplain.perturb import bilstm, fasttext, generic, textcnn
from hf_gradexplain.text.data import Gradients


@dataclass(frozen=True)
class Shortcut:
    """How one model class answers under masks; what it leaves out, the generic form does.

    Attributes:
        leave_one_out: `(forward) -> (B, U, C)`, see `leave_one_out`.
        removal_curves: `(forward, ranks (M, B, U)) -> (M, B, U + 1, C)`, see `removal_curves`.
        gradients: `(forward) -> Gradients`, where they are known without a backward pass.
    """

    leave_one_out: Callable[[ForwardPass], Tensor] = generic.leave_one_out
    removal_curves: Callable[[ForwardPass, Tensor], Tensor] = generic.removal_curves
    gradients: Callable[[ForwardPass], Gradients] | None = None


GENERIC = Shortcut()

SHORTCUTS: dict[type[nn.Module], Shortcut] = {
    FastTextForSequenceClassification: Shortcut(fasttext.leave_one_out, fasttext.removal_curves, fasttext.gradients),
    TextCNNForSequenceClassification: Shortcut(textcnn.leave_one_out, textcnn.removal_curves),
    BiLSTMForSequenceClassification: Shortcut(bilstm.leave_one_out, bilstm.removal_curves),
}


def register_shortcut(model_class: type[nn.Module], shortcut: Shortcut) -> None:
    """Answer for a model class by a short cut; a class that has one already is refused.

    Raises:
        GradexplainError: If the class has a short cut.
    """
    if model_class in SHORTCUTS:
        raise GradexplainError(
            f"{model_class.__name__} has a short cut already: delete it from SHORTCUTS first, or register a subclass"
        )
    SHORTCUTS[model_class] = shortcut


def shortcut_of(model: nn.Module) -> Shortcut:
    """The short cut of the model's class, or the generic form where it might not be exact.

    A short cut holds for the very class that registered it: a subclass may compute something else, and so may a
    model in which a `forward` was replaced, a forward hook was put, or a layer was exchanged for one that comes
    neither from `torch.nn` nor from the package of the model's class (an adapter, a quantised layer).
    """
    return GENERIC if why_no_shortcut(model) else SHORTCUTS.get(type(model), GENERIC)


def why_no_shortcut(model: nn.Module) -> str | None:
    """Why a model of a class with a short cut gets the generic form, or None if it does not or its class has none."""
    base = next((cls for cls in type(model).__mro__ if cls in SHORTCUTS), None)
    if base is None:
        return None
    if base is not type(model):
        return f"{type(model).__name__} is not {base.__name__} itself: register a short cut for it if that one holds"
    home = base.__module__.partition(".")[0]
    changed = next((name for name, module in model.named_modules() if not _as_defined(module, home)), None)
    if changed is None:
        return None
    module = model.get_submodule(changed)
    what = f"its layer {changed!r} ({type(module).__module__}.{type(module).__name__})" if changed else "it"
    return f"{what} does not run as {base.__name__} defines it: remove hooks, merge adapters"


def has_curve_shortcut(model: nn.Module) -> bool:
    """Whether the model's short cut gives removal curves, so that one more costs next to nothing."""
    return shortcut_of(model).removal_curves is not GENERIC.removal_curves


def has_gradient_shortcut(classifier: HookedClassifier) -> bool:
    """Whether the model's short cut gives gradients without a backward pass."""
    return shortcut_of(classifier.model).gradients is not None


def shortcut_gradients(forward: ForwardPass) -> Gradients:
    """Return the word vectors `(B, T, D)` and their gradients by the shortcut of the model class.

    Raises:
        RuntimeError: The model class has no shortcut for gradients.
    """
    model = forward.classifier.model
    gradients = shortcut_of(model).gradients
    if gradients is None:
        raise RuntimeError(f"{type(model).__name__} ran without the autograd graph that its gradients need")
    return gradients(forward)


def leave_one_out(forward: ForwardPass) -> Tensor:
    """Return the logits without each unit: `(B, U, C)`; where a text has fewer units, its plain logits."""
    with torch.no_grad():
        return _shortcut_for(forward).leave_one_out(forward)


def removal_curves(forward: ForwardPass, ranks: Tensor, steps: Collection[int] | None = None) -> Tensor:
    """Return the logits as units are removed one after the other.

    Args:
        forward: The forward pass over the batch.
        ranks: `(M, B, U)` for `M` orders: the rank of each unit, 0 for the one removed first; a permutation of
            `0 ... count - 1` over the units that a text has, and anything where it has fewer.
        steps: The numbers `k` of removed units to compute; None for all. The two ends of a curve are always computed.

    Returns:
        `(M, B, U + 1, C)`: at `k`, the logits without the `k` units ranked first. Past a text's own number of units
        all are removed, and the curve stays flat. NaN at a `k` that is not in `steps`, unless a shortcut computes it
        anyway.
    """
    with torch.no_grad():
        shortcut = _shortcut_for(forward)
        if shortcut.removal_curves is generic.removal_curves:
            return generic.removal_curves(forward, ranks, steps)
        return shortcut.removal_curves(forward, ranks)


def _shortcut_for(forward: ForwardPass) -> Shortcut:
    """Return the shortcut of the model; warn if it has one that cannot be used."""
    model = forward.classifier.model
    if reason := why_no_shortcut(model):
        warnings.warn(f"leaving words out takes one copy of the text per word, since {reason}", stacklevel=3)
    return shortcut_of(model)


def _as_defined(module: nn.Module, home: str) -> bool:
    """Whether a module does what its class says, and its class is one of `torch.nn` or of the package `home`."""
    origin = type(module).__module__
    changed = "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks
    return not changed and (origin.startswith("torch.nn.modules.") or origin.partition(".")[0] == home)
