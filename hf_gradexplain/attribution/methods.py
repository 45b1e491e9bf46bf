"""The table of all attribution methods, `METHODS`.

A method consists of a source of evidence and a formula that turns the evidence into scores.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from hf_gradexplain.attribution import formulas as formulas
from hf_gradexplain.attribution.all_classes import Classes, only_target
from hf_gradexplain.attribution.averaged_gradients import IntegratedGradients, SequentialIntegratedGradients, SmoothGrad
from hf_gradexplain.attribution.descriptions import DESCRIPTIONS
from hf_gradexplain.attribution.gradient_shap import GradientShap
from hf_gradexplain.attribution.masking.kernel_shap import KernelShap
from hf_gradexplain.attribution.masking.lime import Lime
from hf_gradexplain.attribution.masking.partition_shapley import PartitionShapley
from hf_gradexplain.attribution.masking.shapley import Shapley
from hf_gradexplain.attribution.occlusion import Occlusion
from hf_gradexplain.attribution.sources import Backward, LeaveOneOut, Propagation, RandomScores, Source
from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.errors import GradexplainError, NotFiniteError, choose
from hf_gradexplain.options import AUTO, Options
from hf_gradexplain.perturb import forward_to_leave_one_out, has_gradient_shortcut
from hf_gradexplain.text.data import Batch, Sampled
from hf_gradexplain.text.unit_index import Units
from hf_gradexplain.viz.cell import cell_html, cell_text
from hf_gradexplain.viz.tables import TextTable, text_table


@dataclass(frozen=True)
class Method:
    """An attribution method.

    Attributes:
        source: Computes the evidence, such as gradients, see `hf_gradexplain.attribution.sources`.
        score: The formula, a function `(evidence, units) -> (B, U)`.
        signed: Whether a positive score supports the target and a negative one opposes it.
        summary: A short description.
        cost: A text that says how many passes the method takes beyond one forward pass, if a text has `U` units.

    Raises:
        GradexplainError: The source is not a `Source`.
    """

    source: Source
    score: Callable[[Any, Units], Tensor]
    signed: bool
    summary: str
    cost: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.source, Source):
            fix = "give a dataclass that inherits from hf_gradexplain.Source"
            raise GradexplainError(f"{self.source!r} is not a source: {fix}, for example Backward()")


class Methods(dict[str, Method]):
    """The methods by name; a notebook displays them as a table."""

    _COST = "Each text needs one forward pass; cost lists the further passes, for a text of U units."

    def __repr__(self) -> str:
        return cell_text(title=self._title, sentences=[self._COST], table=self._table())

    def _repr_html_(self) -> str:
        return cell_html(title=self._title, sentences=[self._COST], table=self._table())

    @property
    def _title(self) -> str:
        return f"{len(self)} attribution methods"

    def _table(self) -> TextTable:
        columns = ("method", "signed", "cost", "summary")
        rows = [(name, "yes" if m.signed else "no", m.cost, m.summary) for name, m in self.items()]
        return text_table(pd.DataFrame(rows, columns=columns))


_COMPUTED: dict[str, tuple[Source, Callable[[Any, Units], Tensor]]] = {
    "random": (RandomScores(), formulas.as_is),
    "loo": (LeaveOneOut(), formulas.as_is),
    "sa_raw": (Backward(), formulas.sa_raw),
    "sa_l1": (Backward(), formulas.sa_l1),
    "sa_l2": (Backward(), formulas.sa_l2),
    "sa_linf": (Backward(), formulas.sa_linf),
    "signed_gi": (Backward(), formulas.signed_gi),
    "gi_prob": (Backward("prob"), formulas.signed_gi),
    "integrated_gradients": (IntegratedGradients(), formulas.signed_gi),
    "gradient_shap": (GradientShap(), formulas.sampled),
    "sequential_integrated_gradients": (SequentialIntegratedGradients(), formulas.signed_gi),
    "attn_lrp": (Propagation("attn_lrp"), formulas.signed_gi),
    "cp_lrp": (Propagation("cp_lrp"), formulas.signed_gi),
    "gi_detached": (Propagation("gi_detached"), formulas.signed_gi),
    "occlusion": (Occlusion(), formulas.as_is),
    "shapley": (Shapley(), formulas.sampled),
    "partition_shapley": (PartitionShapley(), formulas.sampled),
    "kernel_shap": (KernelShap(), formulas.sampled),
    "lime": (Lime(), formulas.sampled),
    "smoothgrad": (SmoothGrad(), formulas.sa_l2),
    "vargrad": (SmoothGrad(), formulas.vargrad),
}

METHODS = Methods({name: Method(*how, **DESCRIPTIONS[name]._asdict()) for name, how in _COMPUTED.items()})


SETTINGS = ("steps", "max_evals", "max_error", "tell_apart", "occlusion_window")
"""The options that sources read."""


def register(name: str, method: Method) -> None:
    """Add a method to `METHODS`.

    Raises:
        GradexplainError: A method of this name exists.
    """
    if name in METHODS:
        raise GradexplainError(f"a method named {name!r} is already registered: choose another name")
    METHODS[name] = method


def check_names(names: Sequence[str]) -> None:
    """Check that every name is that of a method, or `auto`.

    Raises:
        GradexplainError: No name is given, or a name is unknown; the message lists the choices.
    """
    _choose(names, (AUTO, *METHODS))


def select(names: str | Sequence[str], options: Options | None = None) -> dict[str, Method]:
    """Return the methods with these names, in the given order.

    Args:
        names: Names in `METHODS`.
        options: The options of the call. If a field of a source is in `SETTINGS` and is None, it gets the value of the
            option of the same name.

    Raises:
        GradexplainError: No name is given, or a name is unknown; the message lists the choices.
    """
    methods = {name: METHODS[name] for name in _choose([names] if isinstance(names, str) else list(names), METHODS)}
    return {name: replace(m, source=_with_options(m.source, options)) for name, m in methods.items()}


def _choose(names: Sequence[str], choices: Collection[str]) -> list[str]:
    if not names:
        raise GradexplainError(f"no method given: choose one or more of {', '.join(choices)}")
    return [choose("method", name, choices) for name in names]


def _with_options(source: Source, options: Options | None) -> Source:
    parts: tuple[Field[Any], ...] = fields(source) if is_dataclass(source) else ()
    names = [part.name for part in parts if part.name in SETTINGS]
    left_open = {name: getattr(options, name, None) for name in names if getattr(source, name) is None}
    return replace(source, **left_open) if left_open else source  # type: ignore[type-var]


def affordable() -> tuple[str, ...]:
    """Return the names of all methods that are cheap enough for a whole dataset, in the order of `METHODS`.

    Methods that draw copies at random, or that differentiate copies for each unit of a text, are left out. They take
    hundreds or thousands of passes for a long text.
    """
    sources = {name: method.source for name, method in METHODS.items()}
    grows = {name for name, source in sources.items() if source.passes(2) > source.passes(1)}
    return tuple(name for name, source in sources.items() if name not in grows and not source.sampled)


def is_complete(method: Method) -> bool:
    """Return whether a method's scores should add up to the rise of the loss when all units are masked."""
    return method.score is formulas.signed_gi and method.source.complete


def uses_baseline(method: Method) -> bool:
    """Return whether a method's scores depend on a baseline."""
    return method.score is formulas.signed_gi or method.source.masks or method.source.draws_baselines


def multiplies_by_words(method: Method) -> bool:
    """Return whether a method multiplies ordinary gradients by the word vector minus a baseline."""
    return method.score is formulas.signed_gi and not method.source.propagates


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of a batch.

    Attributes:
        forward: The forward pass, without a graph.
        scores: `(B, U)` per method.
        completeness: `(B,)` for each method whose scores should add up to the rise of the loss: the gap, see
            `formulas.completeness_gap`.
        sampled: The standard errors of each method that draws copies at random.
    """

    forward: ForwardPass
    scores: dict[str, Tensor] = field(default_factory=dict)
    completeness: dict[str, Tensor] = field(default_factory=dict)
    sampled: dict[str, Sampled] = field(default_factory=dict)

    def add(self, name: str, method: Method, evidence: Any) -> None:
        """Add the scores of a method, given the evidence of its source."""
        units = self.forward.batch.units
        self.scores[name] = method.score(evidence, units)
        if is_complete(method):
            self.completeness[name] = formulas.completeness_gap(self.scores[name], evidence.rise)
        if isinstance(evidence, Sampled):
            self.sampled[name] = evidence

    def in_order(self, names: Iterable[str]) -> "Scores":
        """Return the scores with the methods in another order."""
        parts: tuple[dict[str, Any], ...] = (self.scores, self.completeness, self.sampled)
        return Scores(self.forward, *({name: part[name] for name in names if name in part} for part in parts))


def score_batch(classifier: HookedClassifier, batch: Batch, methods: dict[str, Method]) -> Scores:
    """Run the model on a batch, call each distinct source once, and compute the scores of all methods."""
    return score_classes(classifier, batch, methods, only_target)[0]


def score_classes(
    classifier: HookedClassifier,
    batch: Batch,
    methods: dict[str, Method],
    classes: Classes,
) -> list[Scores]:
    """Run the model on a batch, call each distinct source once per class, and compute the scores of all methods.

    Sources that use what the forward pass holds, its autograd graph or its keys and values, run first. It is freed
    before the others run.

    Args:
        classifier: The classifier.
        batch: The texts.
        methods: The methods.
        classes: Which classes are explained.

    Returns:
        The scores for each class.

    Raises:
        GradexplainError: A method needs gradients that the model cannot give, or the logits or a method's scores are
            not finite.
    """
    _check_gradients(classifier, methods)
    sources = dict.fromkeys(method.source for method in methods.values())
    graph = any(source.graph for source in sources) and not has_gradient_shortcut(classifier, batch)
    if LeaveOneOut() in sources and not graph:
        forward = forward_to_leave_one_out(classifier, batch)
    else:
        forward = classifier.forward(batch, graph=graph)
    _check_finite("the model's logits", forward.logits, classifier.precision)
    forwards = classes(forward, batch)
    del forward
    first = [source for source in sources if source.graph or (source == LeaveOneOut() and not graph)]
    found = [Scores(forward.without_graph()) for forward in forwards]

    def add(source: Source, passes: Sequence[ForwardPass]) -> None:
        for scores, evidence in zip(found, source.of_classes(passes), strict=True):
            for name, method in methods.items():
                if method.source == source:
                    scores.add(name, method, evidence)

    for source in first:
        needed = [True] * (len(forwards) - 1) + [source is not first[-1]]
        add(source, [replace(each, keep_graph=keep) for each, keep in zip(forwards, needed, strict=True)])
    del forwards
    for source in sources:
        if source not in first:
            add(source, [scores.forward for scores in found])
    for name, values in ((name, of_class.scores[name]) for name in methods for of_class in found):
        _check_finite(f"the scores of {name!r}", values, classifier.precision)
    return [scores.in_order(methods) for scores in found]


def score_dims(classifier: HookedClassifier, batch: Batch) -> Tensor:
    """Return the scores of `signed_gi` before their sum over the dims of the word vectors: `(B, U, D)`.

    Raises:
        GradexplainError: The model cannot give gradients, or a number is not finite.
    """
    name, by_dims = "signed_gi", Method(Backward(), formulas.gradient_times_input, True, "")
    return score_batch(classifier, batch, {name: by_dims}).scores[name]


def _check_gradients(classifier: HookedClassifier, methods: Mapping[str, Method]) -> None:
    needing = [name for name, method in methods.items() if method.source.takes_gradients]
    if needing and classifier.no_gradient_reason:
        raise GradexplainError(
            f"{', '.join(needing)}: {classifier.no_gradient_reason}; choose methods='loo', which needs no gradient"
        )


def _check_finite(what: str, values: Tensor, precision: str) -> None:
    if not torch.isfinite(values).all():
        raise NotFiniteError(what, precision)
