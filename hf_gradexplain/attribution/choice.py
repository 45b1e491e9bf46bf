"""Choose the method for a model: what `methods="auto"` stands for."""

from collections.abc import Mapping
from dataclasses import dataclass

from hf_gradexplain.loading.card_results import Measured
from hf_gradexplain.probing.probe import Profile

ONE_PASS = ("signed_gi", "gi_detached", "cp_lrp", "attn_lrp")
"""The signed methods that cost one forward and one backward pass, and that explain the objective of the options."""


@dataclass(frozen=True)
class Choice:
    """A method, and why it was chosen.

    Attributes:
        method: Name of the method.
        why: The reason, as part of a sentence.
    """

    method: str
    why: str

    def __str__(self) -> str:
        return f"auto chose {self.method}: {self.why}"


def choose_method(profile: Profile, measured: Mapping[str, Measured]) -> Choice:
    """Return the method that is most faithful on this kind of model for the price of one backward pass.

    For models with attention, normalisation, gates or an activation other than ReLU, this method is `attn_lrp`;
    docs/leaderboard.md has the measurements for transformers. For all other models, the propagation rules have no
    effect, and the method is `signed_gi`. The results on the model's own card take precedence: another method with one
    backward pass is chosen if the card reports a higher AOPC for it and the confidence intervals do not overlap.

    Two methods that take more passes are chosen in special cases. `integrated_gradients` is chosen if relevance cannot
    be propagated through the model, or if the relevance of `cp_lrp` does not add up to the logit, as it should by
    its rules. `loo` is chosen if gradients cannot be used.

    Args:
        profile: The results of probing the model.
        measured: AOPC per method from the model's card, see `hf_gradexplain.loading.card_results`.
    """
    choice = _by_kind(profile)
    if choice.method in measured and choice.method in ONE_PASS:
        best = max((name for name in ONE_PASS if name in measured), key=lambda name: measured[name].aopc)
        if measured[best].low > measured[choice.method].high:
            values = f"{measured[best].aopc:.3f} against {measured[choice.method].aopc:.3f}"
            return Choice(best, f"the model's card reports a higher AOPC than for {choice.method}: {values}")
    return choice


def _by_kind(profile: Profile) -> Choice:
    if profile.no_gradient_reason:
        return Choice("loo", f"{profile.no_gradient_reason}; leave-one-out needs no gradient")
    check = profile.propagation
    if check is None or check.refusal is not None:
        reason = "relevance propagation is not possible" if check is None else check.refusal
        return Choice("integrated_gradients", f"{reason}")
    if not check.conserves(profile.tolerance):
        error = f"relevances add up to the logit only up to {check.conservation_error:.0e}"
        return Choice("integrated_gradients", f"{error} on this model, so relevance propagation is not trusted")
    if not check.changes_gradient:
        reason = "it has no attention, normalisation or gates"
        return Choice("signed_gi", f"propagation rules change nothing on this model: {reason}")
    return Choice("attn_lrp", "the most faithful one-pass method on models to which propagation rules apply")
