"""Estimate the cost of a run and of its further parts: other baselines, hybrid documents, sanity checks."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

from datasets import Dataset, IterableDataset

from hf_gradexplain.attribution.methods import select
from hf_gradexplain.audit.plausibility.hybrid import hybrid_options
from hf_gradexplain.audit.sanity.sanity import layers_and_shift
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.evaluation.baselines import other_baselines
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import AuditArguments, MeasureArguments
from hf_gradexplain.run.cost import Estimate, Part
from hf_gradexplain.run.estimate import estimate
from hf_gradexplain.run.evaluation_inputs import EvaluationInputs
from hf_gradexplain.run.hybrid import CURVES, hybrid_rows, hybrids_of
from hf_gradexplain.run.measures import curves_of, measures_of


def estimate_run(
    evaluated: EvaluationInputs, options: Options, arguments: MeasureArguments, audits: AuditArguments
) -> Estimate:
    """Estimate the cost of `hf_gradexplain.run.make_run.make_run` with the same arguments, and write no files.

    Raises:
        GradexplainError: An argument cannot be used, or there is no text; the run itself would raise the same error.
    """
    engine, texts, options = evaluated.engine, evaluated.texts, evaluated.engine.resolve(options)
    measures = measures_of(evaluated, options, arguments)
    others = other_baselines(engine, options, arguments.compare_baselines)
    estimated = estimate(engine, texts, options, measures)
    parts = estimate_baselines(engine, texts, others, curves_of(measures))
    return replace(estimated, parts=parts + estimate_audits(engine, texts, options, audits))


def estimate_baselines(
    engine: AttributionEngine,
    texts: Dataset | IterableDataset,
    others: Mapping[str, Options],
    curves: Measures,
) -> tuple[Part, ...]:
    """Estimate the evaluations of the same texts under other masking baselines.

    Args:
        engine: The classifier.
        texts: The texts.
        others: The options for each other baseline, by the name of the baseline.
        curves: What is measured with each other baseline.
    """
    return tuple(
        Part(f"under {name}", estimate(engine, texts, options, curves), of_all=True) for name, options in others.items()
    )


def estimate_audits(
    engine: AttributionEngine, texts: Dataset | IterableDataset, options: Options, audits: AuditArguments
) -> tuple[Part, ...]:
    """Estimate the cost of hybrid documents and sanity checks, if `audits` has them.

    Args:
        engine: The classifier.
        texts: The texts of the run.
        options: How the run explains, with resolved methods.
        audits: The audits that the run makes.

    Raises:
        GradexplainError: An audit cannot be made; the run itself would raise the same error.
    """
    parts = list[Part]()
    if hybrids := hybrids_of(engine, texts, options, audits.hybrid_documents):
        cost = estimate(engine, hybrid_rows(hybrids), hybrid_options(options), CURVES)
        parts.append(Part("hybrid documents", cost))
    if audits.sanity:
        parts += _sanity(engine, Dataset.from_list(list(islice(texts, audits.sanity_samples))), options)
    return tuple(parts)


def _sanity(engine: AttributionEngine, texts: Dataset, options: Options) -> list[Part]:
    """Estimate the rounds of the sanity checks, in which texts are explained and no curve is computed.

    There is a round for the model itself, for each layer, for another random model, for shifted word vectors if the
    model allows them, and for another seed if a method draws at random. The estimate leaves out two explanations of the
    longest text, by which the checks find out whether a method draws at random.
    """
    layers, shift = layers_and_shift(engine)
    only_explain = Measures(k_grid=(0,))
    rounds = len(layers) + 2 + (shift is not None)
    parts = [Part("sanity checks", estimate(engine, texts, options, only_explain), rounds, shared=False)]
    methods = select(options.methods, options)
    if drawing := tuple(name for name, method in methods.items() if method.source.seeded):
        cost = estimate(engine, texts, replace(options, methods=drawing), only_explain)
        parts.append(Part("another seed", cost, shared=False))
    return parts
