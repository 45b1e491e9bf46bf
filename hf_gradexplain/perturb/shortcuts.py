"""Logits of texts without some units: by the shortcut of the model, or by the generic form."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.errors import GradexplainError, warn
from hf_gradexplain.models.bilstm.modeling_bilstm import BiLSTMForSequenceClassification
from hf_gradexplain.models.fasttext.modeling_fasttext import FastTextForSequenceClassification
from hf_gradexplain.models.textcnn.modeling_textcnn import TextCNNForSequenceClassification
from hf_gradexplain.perturb import bilstm, fasttext, generic, shared_prefix, textcnn
from hf_gradexplain.text.data import Batch, Gradients


@dataclass(frozen=True)
class Shortcut:
    """Fast and exact functions that replace masked copies for one model class.

    A function that is not given is computed by the generic form, which runs masked copies.

    Attributes:
        leave_one_out: `(forward) -> (B, U, C)`, see `leave_one_out`.
        removal_curves: `(forward, ranks (M, B, U)) -> (M, B, U + 1, C)`, see `removal_curves`.
        gradients: `(forward) -> Gradients` without a backward pass, or None.
        subsets: `(forward, text_of (N,), removed (N, U)) -> (N, C)`, see `subset_logits`.
        additive: Whether removing a unit changes the logits by a fixed amount, whatever else is removed.
        linear: Whether the work for a document is proportional to its length; otherwise, to the square of its length.
        batch_tokens: The number of tokens per forward pass that is fastest on a CPU; None for the usual number.
    """

    leave_one_out: Callable[[ForwardPass], Tensor] = generic.leave_one_out
    removal_curves: Callable[[ForwardPass, Tensor], Tensor] = generic.removal_curves
    gradients: Callable[[ForwardPass], Gradients] | None = None
    subsets: Callable[[ForwardPass, Tensor, Tensor], Tensor] = generic.subset_logits
    additive: bool = False
    linear: bool = False
    batch_tokens: int | None = None

    @property
    def has_leave_one_out(self) -> bool:
        """Whether leave-one-out can do without masked copies."""
        return self.leave_one_out is not generic.leave_one_out

    @property
    def has_subsets(self) -> bool:
        """Whether the removal of any set of units can do without masked copies."""
        return self.subsets is not generic.subset_logits

    @property
    def has_curves(self) -> bool:
        """Whether removal curves can do without masked copies, which makes further curves cheap."""
        return self.removal_curves is not generic.removal_curves


GENERIC = Shortcut()
"""The generic form, which is right for every model."""

SHARED_PREFIXES = Shortcut(shared_prefix.leave_one_out)
"""The shortcut of causal models of any class, for models that pass a check, see `Profile.shares_prefixes`.

There is no such shortcut for removal curves. Soon a word near the beginning is missing in all further copies, and the
part before this word, which they share, is too short to save time.
"""

SHORTCUTS: dict[type[nn.Module], Shortcut] = {
    FastTextForSequenceClassification: Shortcut(
        fasttext.leave_one_out,
        fasttext.removal_curves,
        fasttext.gradients,
        fasttext.subset_logits,
        additive=True,
        linear=True,
        batch_tokens=8192,
    ),
    TextCNNForSequenceClassification: Shortcut(
        textcnn.leave_one_out, textcnn.removal_curves, subsets=textcnn.subset_logits, linear=True
    ),
    BiLSTMForSequenceClassification: Shortcut(
        bilstm.leave_one_out, bilstm.removal_curves, subsets=bilstm.subset_logits
    ),
}


def register_shortcut(model_class: type[nn.Module], shortcut: Shortcut) -> None:
    """Register the shortcut of a model class.

    Raises:
        GradexplainError: The class has a shortcut already.
    """
    if model_class in SHORTCUTS:
        raise GradexplainError(
            f"{model_class.__name__} already has a shortcut: delete it from SHORTCUTS first, or register a subclass"
        )
    SHORTCUTS[model_class] = shortcut


def shortcut_of(model: nn.Module) -> Shortcut:
    """Return the shortcut of the model's class, or the generic form if the shortcut may not be exact.

    A shortcut is exact for the registered class only. A subclass may compute something else. So may a model with a
    replaced `forward`, with a forward hook, or with a layer of another package, such as an adapter or a quantised
    layer: layers must come from `torch.nn` or from the package of the model's class.
    """
    return GENERIC if why_no_shortcut(model) else SHORTCUTS.get(type(model), GENERIC)


def why_no_shortcut(model: nn.Module) -> str | None:
    """Return why a model cannot use the shortcut of its class; None if it can, or if its class has none."""
    base = next((cls for cls in type(model).__mro__ if cls in SHORTCUTS), None)
    if base is None:
        return None
    if base is not type(model):
        return f"{type(model).__name__} is a subclass of {base.__name__}: register the shortcut for it if it is exact"
    package = base.__module__.partition(".")[0]
    changed = next((name for name, module in model.named_modules() if not _is_unchanged(module, package)), None)
    if changed is None:
        return None
    module = model.get_submodule(changed)
    what = f"its layer {changed!r} ({type(module).__module__}.{type(module).__name__})" if changed else "it"
    return f"{what} does not run as {base.__name__} defines it: remove hooks and merge adapters"


def is_additive(forward: ForwardPass) -> bool:
    """Return whether removing a unit changes the logits by a fixed amount, whatever else is removed."""
    return _shortcut_for(forward.classifier, forward.batch).additive


def has_curve_shortcut(forward: ForwardPass) -> bool:
    """Return whether removal curves use a shortcut, so that a masked copy costs much less than a forward pass."""
    return _shortcut_for(forward.classifier, forward.batch).has_curves


def has_gradient_shortcut(classifier: HookedClassifier, batch: Batch) -> bool:
    """Return whether a shortcut computes the gradients of a batch without a backward pass."""
    return batch.sequences is None and shortcut_of(classifier.model).gradients is not None


def shortcut_gradients(forward: ForwardPass) -> Gradients:
    """Return the word vectors and their gradients, both `(B, T, D)`, by the shortcut of the model class.

    Raises:
        RuntimeError: The model class has no shortcut for gradients.
    """
    model = forward.classifier.model
    gradients = shortcut_of(model).gradients
    if gradients is None:
        raise RuntimeError(f"{type(model).__name__} has no shortcut for gradients")
    return gradients(forward)


def forward_to_leave_one_out(classifier: HookedClassifier, batch: Batch) -> ForwardPass:
    """Run the model on a batch without a graph, and keep what `leave_one_out` can use again."""
    if _shortcut_for(classifier, batch) is SHARED_PREFIXES:
        return shared_prefix.forward_pass(classifier, batch)
    return classifier.forward(batch, graph=False)


def leave_one_out(forward: ForwardPass) -> Tensor:
    """Return the logits without each unit, `(B, U, C)`; past the last unit of a text, the logits of the full text."""
    _warn_without_shortcut(forward)
    with torch.no_grad():
        return _shortcut_for(forward.classifier, forward.batch).leave_one_out(forward)


def subset_logits(forward: ForwardPass, text_of: Tensor, removed: Tensor) -> Tensor:
    """Return the logits of texts without sets of their units.

    Args:
        forward: The forward pass over the batch.
        text_of: `(N,)` the text of each set.
        removed: `(N, U)` bool, the units of each set; False past the last unit of a text. An empty set gives the logits
            of the full text.

    Returns:
        `(N, C)`, in the dtype of the logits of the full texts.
    """
    with torch.no_grad():
        if not len(text_of):
            return forward.logits.detach()[text_of]
        return _shortcut_for(forward.classifier, forward.batch).subsets(forward, text_of, removed)


def removal_curves(
    forward: ForwardPass, ranks: Tensor, steps: Collection[int] | None = None, end: Tensor | None = None
) -> Tensor:
    """Return the logits as units are removed one by one.

    Args:
        forward: The forward pass over the batch.
        ranks: `(M, B, U)` for `M` orders: the rank of each unit, 0 for the unit that is removed first. The ranks of a
            text of `n` units are a permutation of `0 ... n - 1`; later values are ignored.
        steps: The numbers `k` of removed units at which to compute the logits; None for all. The two ends of a curve
            are always computed.
        end: `(B, C)` the logits without any unit, if they are known: the copy with all units removed then does not run
            again. Shortcuts ignore this argument.

    Returns:
        `(M, B, U + 1, C)`: at `k`, the logits without the first `k` units of the order. Past the number of units of a
        text, all units are removed and the curve is flat. Values are NaN at each `k` that is not in `steps`, unless a
        shortcut computes all `k`. If texts may be cut into windows, the values at these `k` are NaN even with a
        shortcut, so that a curve does not depend on the batch.
    """
    _warn_without_shortcut(forward)
    with torch.no_grad():
        shortcut = _shortcut_for(forward.classifier, forward.batch)
        if not shortcut.has_curves:
            return generic.removal_curves(forward, ranks, steps, end)
        curves = shortcut.removal_curves(forward, ranks)
        if forward.classifier.combine is None:
            return curves
        return curves.masked_fill_(generic.skipped(forward, steps).unsqueeze(2), torch.nan)


def _shortcut_for(classifier: HookedClassifier, batch: Batch) -> Shortcut:
    """Return the shortcut that runs on a batch.

    Texts of several sequences and deletion have no shortcut, because shortcuts rely on tokens that stay in place.
    """
    if batch.sequences is not None or classifier.deletion is not None:
        return GENERIC
    shortcut = shortcut_of(classifier.model)
    # Shared prefixes were not tried with compiled layers, nor on texts whose tokens the model rearranges.
    tried = classifier.shares_prefixes and not classifier.compiled and not classifier.places
    return SHARED_PREFIXES if shortcut is GENERIC and tried else shortcut


def _warn_without_shortcut(forward: ForwardPass) -> None:
    """Warn if the model's class has a shortcut that cannot be used."""
    if forward.batch.sequences is not None or forward.classifier.deletion is not None:
        return
    if reason := why_no_shortcut(forward.classifier.model):
        warn(f"leave-one-out runs one masked copy of the text per word, because {reason}")


def _is_unchanged(module: nn.Module, package: str) -> bool:
    """Return whether a module runs the code of its class, and its class is from `torch.nn` or from `package`."""
    defined_in = type(module).__module__
    changed = "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks
    return not changed and (defined_in.startswith("torch.nn.modules.") or defined_in.partition(".")[0] == package)
