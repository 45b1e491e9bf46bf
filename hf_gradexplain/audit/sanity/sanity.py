"""Sanity checks of methods: scores should depend on what the model has learnt, and only on its function."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from torch import Tensor

from hf_gradexplain.attribution.signed import is_signed
from hf_gradexplain.audit.sanity.input_shift import InputShift, find_input_shift
from hf_gradexplain.audit.sanity.model_layers import Layer, layers_of, permuted, replaced_parameters
from hf_gradexplain.audit.sanity.rank_agreement import mean_of_defined, relative_difference, spearman_by_text, summarise
from hf_gradexplain.audit.sanity.result import CASCADING, INDEPENDENT, RANDOM, TRAINED, SanityChecks, finding
from hf_gradexplain.audit.sanity.rounds import Scores, explain_round, of_texts
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import device_of, frozen_eval_mode
from hf_gradexplain.classifier.targets import Labels, label_ids
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.engine.leave_out import check_any_scored
from hf_gradexplain.errors import ALL_WARNINGS, GradexplainError, without_warnings
from hf_gradexplain.options import Options
from hf_gradexplain.options.classes import check_one_question
from hf_gradexplain.probing.gradient_checks import LENGTHS, sample_documents, tokens_around
from hf_gradexplain.text.collate import collate
from hf_gradexplain.text.data import Document
from hf_gradexplain.text.texts import Text


def check_sanity(
    engine: AttributionEngine,
    texts: Sequence[Text],
    options: Options,
    labels: Labels = None,
    *,
    independent: bool = False,
    advance: Callable[[str], None] = lambda step: None,
) -> SanityChecks:
    """Explain the same texts with randomised copies of the model's parameters, and compare the scores.

    `hf_gradexplain.Explainer.sanity` has the definitions.

    Args:
        engine: The classifier; its model keeps its own parameters.
        texts: The texts.
        options: How to explain.
        labels: The true classes, as for `AttributionEngine.run`.
        independent: Whether to randomise each layer alone as well.
        advance: Called with the name of each step before it begins.

    Raises:
        GradexplainError: There is no text, no text can be scored, an argument cannot be used, or the parameters are
            quantised or offloaded.
    """
    if not texts:
        raise GradexplainError("sanity checks need texts, but got none: give at least 6, better 50")
    check_one_question(options, "a sanity check")
    trial = _Trial.of(engine, texts, engine.resolve(options), labels, advance)
    layers, shift = layers_and_shift(engine)
    curve, random_models = _randomise(trial, layers, independent=independent)
    table = _checks(trial, random_models, shift)
    return SanityChecks(
        model=type(engine.model).__name__,
        unit=trial.options.unit,
        randomisation=curve,
        checks=table,
        shifted="" if shift is None else f"{' and '.join(shift.words)} against {' and '.join(shift.positions)}",
        texts=len(trial.documents),
        rounds=trial.rounds,
        left_out=trial.left_out,
    )


def layers_and_shift(engine: AttributionEngine) -> tuple[tuple[Layer, ...], InputShift | None]:
    """Return the layers of a model, and how its word vectors can be shifted; None if they cannot.

    Raises:
        GradexplainError: The parameters are quantised or offloaded.
    """
    inputs = _sample_inputs(engine)
    with frozen_eval_mode(engine.model):
        layers = layers_of(engine.model, inputs)
        classifier = engine.profile.classifier(engine.model, Objective("logit", "identity"), 1024)
        return layers, find_input_shift(classifier, inputs)


@dataclass(eq=False)
class _Trial:
    """Texts that are explained again and again, always for the class that the unchanged model explains.

    Attributes:
        engine: The classifier.
        documents: The texts that the unchanged model can score.
        options: How to explain; the target is `label`, and `against` has no runner-up, which another model would
            choose again.
        targets: The explained class of each text.
        scores: The scores of the unchanged model.
        precision: The compute dtype of the scores.
        advance: Called with the name of each round.
        left_out: The positions of the other texts, and why they cannot be scored.
        rounds: How often all texts were explained; `explain` adds to it.
    """

    engine: AttributionEngine
    documents: Sequence[Document]
    options: Options
    targets: list[int]
    scores: Scores
    precision: str
    advance: Callable[[str], None]
    left_out: dict[int, str] = field(default_factory=dict)
    rounds: int = 1

    @classmethod
    def of(
        cls,
        engine: AttributionEngine,
        texts: Sequence[Text],
        options: Options,
        labels: Labels,
        advance: Callable[[str], None],
    ) -> "_Trial":
        advance("the model itself")
        documents, ids = engine.encode(texts, options), None
        if options.target == "label" and labels is not None:
            ids = label_ids(labels, len(texts), engine.class_names)
        found = explain_round(engine, documents, options, ids)
        check_any_scored(found.left_out, len(texts), "text")
        kept = [i for i in range(len(texts)) if i not in found.left_out]
        scores = {name: [of_method[i] for i in kept] for name, of_method in found.scores.items()}
        against = tuple(found.against[i] for i in kept) if options.against == "runner_up" else options.against
        options = replace(options, target="label", against=against)
        targets = [found.targets[i] for i in kept]
        documents = [documents[i] for i in kept]
        return cls(engine, documents, options, targets, scores, found.precision, advance, found.left_out)

    def explain(self, step: str, values: Mapping[str, Tensor], methods: Sequence[str] = (), seed: int = 0) -> Scores:
        """Return the scores of `methods` (default: all) with other parameters, and with `seed` added to the seed."""
        self.advance(step)
        self.rounds += 1
        options = replace(self.options, methods=tuple(methods) or self.options.methods, seed=self.options.seed + seed)
        # The unchanged model has warned already.
        with replaced_parameters(self.engine.model, values), without_warnings(ALL_WARNINGS):
            return explain_round(self.engine, self.documents, options, self.targets).scores

    def reseed(self, methods: Sequence[str]) -> Scores:
        """Return the scores of these methods with another seed."""
        return self.explain("another seed", {}, methods, seed=1)

    def spearman(self, method: str, scores: Scores, reference: Scores, *, absolute: bool = False) -> np.ndarray:
        """Return Spearman's correlation of a method's scores, or of their absolute values, for each text."""
        return spearman_by_text(scores[method], reference[method], self.precision, absolute=absolute)

    def drawing_methods(self) -> list[str]:
        """Return the methods whose scores of the longest text depend on the seed."""
        longest = max(range(len(self.documents)), key=lambda i: self.documents[i].n_units)
        documents, targets = [self.documents[longest]], [self.targets[longest]]
        options = of_texts(self.options, [longest])
        scores = [
            explain_round(self.engine, documents, replace(options, seed=options.seed + n), targets).scores
            for n in range(2)
        ]
        return [name for name in self.scores if not np.array_equal(scores[0][name][0], scores[1][name][0])]


def _sample_inputs(engine: AttributionEngine) -> dict[str, Tensor]:
    """Return the inputs of a sample text, on the model's device."""
    limit, tokenizer = engine.profile.max_length, engine.tokenizer
    n = LENGTHS[-1] if limit is None else min(LENGTHS[-1], limit - tokens_around(tokenizer))
    return dict(collate(sample_documents(tokenizer, [n]), [0], tokenizer, device_of(engine.model)).inputs)


def _randomise(trial: _Trial, layers: Sequence[Layer], *, independent: bool) -> tuple[pd.DataFrame, list[Scores]]:
    """Return the correlations after each randomised layer, and the scores of two models that are wholly random."""
    model, seed, rows = trial.engine.model, trial.options.seed, list[dict[str, object]]()

    def compare(scores: Scores, reference: Scores, order: str, step: int, layer: str, against: str) -> None:
        for method in scores:
            for values in ("scores", "absolute") if is_signed(method) else ("scores",):
                r = trial.spearman(method, scores, reference, absolute=values == "absolute")
                where = {"method": method, "order": order, "step": step, "layer": layer, "against": against}
                rows.append({**where, "values": values, **summarise(r)})

    replaced: dict[str, Tensor] = {}
    for step, layer in enumerate(layers, 1):
        replaced |= permuted(model, layer.parameters, seed)
        scores = trial.explain(f"layer {step} of {len(layers)}: {layer.name}", replaced)
        compare(scores, trial.scores, CASCADING, step, layer.name, TRAINED)
    names = [name for layer in layers for name in layer.parameters]
    del replaced
    another = trial.explain("another random model", permuted(model, names, seed + 1))
    compare(another, scores, CASCADING, len(layers), layers[-1].name, RANDOM)
    for step, layer in enumerate(layers if independent else (), 1):
        alone = trial.explain(f"layer {step} alone: {layer.name}", permuted(model, layer.parameters, seed))
        compare(alone, trial.scores, INDEPENDENT, step, layer.name, TRAINED)
    return pd.DataFrame(rows), [scores, another]


def _checks(trial: _Trial, random_models: Sequence[Scores], shift: InputShift | None) -> pd.DataFrame:
    """Return one row per method, see `SanityChecks.checks`."""
    shifted = None if shift is None else trial.explain("shifted word vectors", shift.values)
    drawing = trial.drawing_methods()
    reseeded = trial.reseed(drawing) if drawing else {}
    rows = []
    for method, trained in trial.scores.items():
        r = [trial.spearman(method, scores, trial.scores) for scores in random_models]
        absolute = [trial.spearman(method, scores, trial.scores, absolute=True) for scores in random_models]
        plain = summarise(mean_of_defined(r))
        size = summarise(mean_of_defined(absolute)) if is_signed(method) else {}
        agreement = summarise(trial.spearman(method, *random_models))
        of_shift = {} if shifted is None else summarise(trial.spearman(method, shifted, trial.scores))
        differences = np.zeros(0) if shifted is None else relative_difference(shifted[method], trained)
        of_seed = summarise(trial.spearman(method, reseeded, trial.scores)) if method in reseeded else {}
        rows.append(
            {
                "method": method,
                **_with_interval(plain, "randomised"),
                **_with_interval(size, "absolute", "absolute_"),
                **_with_interval(agreement, "two_random", "two_random_"),
                "shifted": of_shift.get("median", np.nan),
                "shift_difference": float(np.median(differences)) if len(differences) else np.nan,
                "other_seed": of_seed.get("median", np.nan),
                "n": plain["n"],
                "n_undefined": plain["n_undefined"],
                "finding": finding(method, plain["ci_low"], size.get("ci_low", np.nan), agreement["ci_low"]),
            }
        )
    return pd.DataFrame(rows)


def _with_interval(summary: Mapping[str, float], name: str, ends: str = "") -> dict[str, float]:
    """Return the median of a summary and its interval as three columns; NaN for no summary."""
    columns = {name: "median", f"{ends}ci_low": "ci_low", f"{ends}ci_high": "ci_high"}
    return {column: summary.get(key, np.nan) for column, key in columns.items()}
