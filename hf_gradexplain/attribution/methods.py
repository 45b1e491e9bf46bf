"""The methods on one screen. A method is where its evidence comes from and the formula that scores it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hf_gradexplain.attribution import formulas as formulas
from hf_gradexplain.attribution.averaged_gradients import IntegratedGradients, SmoothGrad
from hf_gradexplain.attribution.sources import Backward, LeaveOneOut, RandomScores, Source, takes_gradients
from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.perturb import has_gradient_shortcut
from hf_gradexplain.text.data import Batch, Units


@dataclass(frozen=True)
class Method:
    """An explanation method.

    Attributes:
        source: Draws the evidence.
        score: `(evidence, units) -> (B, U)`.
        signed: Whether a positive score speaks for the target and a negative one against it.
        summary: What it is, in a few words.
    """

    source: Source
    score: Callable[[Any, Units], Tensor]
    signed: bool
    summary: str


METHODS: dict[str, Method] = {
    "random": Method(RandomScores(), formulas.as_is, False, "a seeded random permutation, the baseline"),
    "loo": Method(LeaveOneOut(), formulas.as_is, True, "leave-one-out: rise of the loss without the unit"),
    "sa_raw": Method(Backward(), formulas.sa_raw, False, "sensitivity: the gradient, summed"),
    "sa_l1": Method(Backward(), formulas.sa_l1, False, "sensitivity: L1 norm of the gradient"),
    "sa_l2": Method(Backward(), formulas.sa_l2, False, "sensitivity: L2 norm of the gradient"),
    "sa_linf": Method(Backward(), formulas.sa_linf, False, "sensitivity: maximum norm of the gradient"),
    "signed_gi": Method(Backward(), formulas.signed_gi, True, "minus gradient times input, summed"),
    "gi_prob": Method(Backward("prob"), formulas.signed_gi, True, "the same of the probability, whatever is explained"),
    "integrated_gradients": Method(
        IntegratedGradients(), formulas.signed_gi, True, "gradients from the baseline to the text"
    ),
    "smoothgrad": Method(SmoothGrad(), formulas.sa_l2, False, "L2 norm of the gradient averaged over noisy copies"),
}


def register(name: str, method: Method) -> None:
    """Add a method; a name that is taken is refused."""
    if name in METHODS:
        raise GradexplainError(f"a method named {name!r} is registered already: choose another name")
    METHODS[name] = method


def select(names: str | Sequence[str]) -> dict[str, Method]:
    """The methods of these names, in this order; an unknown name is answered with the nearest and the choices."""
    names = [names] if isinstance(names, str) else list(names)
    if not names:
        raise GradexplainError(f"no method given; choices: {', '.join(METHODS)}")
    return {name: METHODS[choose("method", name, METHODS)] for name in names}


def score_batch(
    classifier: HookedClassifier, batch: Batch, methods: dict[str, Method]
) -> tuple[ForwardPass, dict[str, Tensor]]:
    """One forward pass, each distinct source once, and the scores `(B, U)` of every method.

    Raises:
        GradexplainError: A method needs gradients of a model that has none, or the logits or a method's scores are not
            finite.
    """
    sources = dict.fromkeys(method.source for method in methods.values())
    by_gradient = [name for name, method in methods.items() if takes_gradients(method.source)]
    if by_gradient and classifier.no_gradient:
        raise GradexplainError(
            f"{', '.join(by_gradient)}: {classifier.no_gradient}; choose methods='loo', which needs no gradient"
        )
    graph = any(source.graph for source in sources) and not has_gradient_shortcut(classifier)
    forward = classifier.forward(batch, graph=graph)
    _check_finite("the model's logits", forward.logits, classifier.precision)
    evidence = {source: source(forward) for source in sources if source.graph}
    forward = forward.without_graph()
    evidence |= {source: source(forward) for source in sources if not source.graph}
    scores = {name: method.score(evidence[method.source], batch.units) for name, method in methods.items()}
    for name, values in scores.items():
        _check_finite(f"the scores of {name!r}", values, classifier.precision)
    return forward, scores


def _check_finite(what: str, values: Tensor, precision: str) -> None:
    if not torch.isfinite(values).all():
        raise GradexplainError(
            f"{what} are not finite in {precision}: load the model in a wider dtype, or mend its weights"
        )
