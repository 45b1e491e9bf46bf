"""The model under masks: leave-one-out and removal curves.

Masking a unit sets the word vectors of all its tokens to the baseline, zero unless the classifier has another one;
positions, attention mask and length stay. Every model has a generic form, which runs masked copies of the texts. A
model class may have an exact short cut beside it, see docs/write-a-shortcut.md. What all short cuts live from:
masking a vector commutes with every linear map that follows it, so project once and mask afterwards.
"""

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hf_gradexplain.classifier.hooked_classifier import Classifier, Reading
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.models.bilstm.modeling_bilstm import BiLSTMForSequenceClassification
from hf_gradexplain.models.fasttext.modeling_fasttext import FastTextForSequenceClassification
from hf_gradexplain.models.textcnn.modeling_textcnn import TextCNNForSequenceClassification
from hf_gradexplain.perturb import bilstm, fasttext, generic, textcnn
from hf_gradexplain.text.data import Gradients


@dataclass(frozen=True)
class ShortCut:
    """How one model class answers under masks; what it leaves out, the generic form does.

    Attributes:
        leave_one_out: `(classifier, reading) -> (B, U, C)`, see `leave_one_out`.
        removal_curves: `(classifier, reading, ranks (M, B, U)) -> (M, B, U + 1, C)`, see `removal_curves`.
        gradients: `(classifier, reading) -> Gradients`, where they are known without a backward pass.
    """

    leave_one_out: Callable[[Classifier, Reading], Tensor] = generic.leave_one_out
    removal_curves: Callable[[Classifier, Reading, Tensor], Tensor] = generic.removal_curves
    gradients: Callable[[Classifier, Reading], Gradients] | None = None


GENERIC = ShortCut()

SHORT_CUTS: dict[type[nn.Module], ShortCut] = {
    FastTextForSequenceClassification: ShortCut(fasttext.leave_one_out, fasttext.removal_curves, fasttext.gradients),
    TextCNNForSequenceClassification: ShortCut(textcnn.leave_one_out, textcnn.removal_curves),
    BiLSTMForSequenceClassification: ShortCut(bilstm.leave_one_out, bilstm.removal_curves),
}


def register_short_cut(model_class: type[nn.Module], short_cut: ShortCut) -> None:
    """Answer for a model class by a short cut; a class that has one already is refused.

    Raises:
        GradexplainError: If the class has a short cut.
    """
    if model_class in SHORT_CUTS:
        raise GradexplainError(
            f"{model_class.__name__} has a short cut already: delete it from SHORT_CUTS first, or register a subclass"
        )
    SHORT_CUTS[model_class] = short_cut


def short_cut_of(model: nn.Module) -> ShortCut:
    """The short cut of the model's class, or the generic form where it might not be exact.

    A short cut holds for the very class that registered it: a subclass may compute something else, and so may a
    model in which a `forward` was replaced, a forward hook was put, or a layer was exchanged for one that comes
    neither from `torch.nn` nor from the package of the model's class (an adapter, a quantised layer).
    """
    return GENERIC if withheld(model) else SHORT_CUTS.get(type(model), GENERIC)


def withheld(model: nn.Module) -> str | None:
    """Why a model of a class with a short cut gets the generic form, or None if it does not or its class has none."""
    base = next((cls for cls in type(model).__mro__ if cls in SHORT_CUTS), None)
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


def knows_curves(model: nn.Module) -> bool:
    """Whether the model's short cut gives removal curves, so that one more costs next to nothing."""
    return short_cut_of(model).removal_curves is not GENERIC.removal_curves


def knows_gradients(classifier: Classifier) -> bool:
    """Whether the model's short cut gives gradients without a backward pass."""
    return short_cut_of(classifier.model).gradients is not None


def known_gradients(classifier: Classifier, reading: Reading) -> Gradients:
    """The word vectors `(B, T, D)` and their gradients, by the short cut of a model that knows them.

    Raises:
        RuntimeError: If it does not.
    """
    gradients = short_cut_of(classifier.model).gradients
    if gradients is None:
        raise RuntimeError(f"{type(classifier.model).__name__} was read without the graph that its gradients need")
    return gradients(classifier, reading)


def leave_one_out(classifier: Classifier, reading: Reading) -> Tensor:
    """The logits without each unit: `(B, U, C)`; where a text has fewer units, its plain logits."""
    with torch.no_grad():
        return _chosen(classifier).leave_one_out(classifier, reading)


def removal_curves(
    classifier: Classifier, reading: Reading, ranks: Tensor, steps: Collection[int] | None = None
) -> Tensor:
    """The logits as units are removed one after the other.

    Args:
        classifier: The classifier.
        reading: Its reading of the batch.
        ranks: `(M, B, U)` for `M` orders: the rank of each unit, 0 for the one removed first; a permutation of
            `0 ... count - 1` over the units that a text has, and anything where it has fewer.
        steps: The `k` that are wanted; None for all. The two ends of a curve are always there.

    Returns:
        `(M, B, U + 1, C)`: at `k`, the logits without the `k` units ranked first. Past a text's own number of units
        all are removed, and the curve stays flat. NaN at a `k` that was not wanted, unless a short cut knows it.
    """
    with torch.no_grad():
        short_cut = _chosen(classifier)
        if short_cut.removal_curves is generic.removal_curves:
            return generic.removal_curves(classifier, reading, ranks, steps)
        return short_cut.removal_curves(classifier, reading, ranks)


def _chosen(classifier: Classifier) -> ShortCut:
    """The short cut of a classifier's model; nobody loses one without a word."""
    if reason := withheld(classifier.model):
        warnings.warn(f"leaving words out takes one copy of the text per word, since {reason}", stacklevel=3)
    return short_cut_of(classifier.model)


def _as_defined(module: nn.Module, home: str) -> bool:
    """Whether a module does what its class says, and its class is one of `torch.nn` or of the package `home`."""
    origin = type(module).__module__
    changed = "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks
    return not changed and (origin.startswith("torch.nn.modules.") or origin.partition(".")[0] == home)


__all__ = [
    "GENERIC",
    "SHORT_CUTS",
    "ShortCut",
    "known_gradients",
    "knows_curves",
    "knows_gradients",
    "leave_one_out",
    "register_short_cut",
    "removal_curves",
    "short_cut_of",
    "withheld",
]
