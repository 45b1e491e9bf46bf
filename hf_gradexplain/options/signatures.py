"""Make Python signatures from the options: keyword arguments with names, types, defaults and help texts."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from textwrap import fill
from typing import Any, TypedDict, TypeVar, get_args

from hf_gradexplain.errors import choose
from hf_gradexplain.options.arguments import AuditArguments, MeasureArguments
from hf_gradexplain.options.classes import ClassName, ClassNames
from hf_gradexplain.options.options import (
    BaselineName,
    MaskName,
    ObjectiveName,
    Options,
    PoolName,
    PrecisionName,
    ProblemTypeName,
    TiesName,
    UnitName,
)

F = TypeVar("F", bound=Callable[..., Any])


class _ExplainedOptions(TypedDict, total=False):
    target: ClassNames
    objective: ObjectiveName
    against: ClassNames | None


class _RunningOptions(TypedDict, total=False):
    batch_tokens: int | None
    mixed_precision: PrecisionName
    torch_compile: bool


class _WindowOptions(TypedDict, total=False):
    stride: int | None
    pool: PoolName


class _MethodOptions(TypedDict, total=False):
    baseline: BaselineName | None
    mask: MaskName
    steps: int | None
    max_evals: int
    max_error: float
    tell_apart: int | None
    occlusion_window: int
    reference_texts: tuple[str, ...]


class _ComputationOptions(_RunningOptions, _WindowOptions, _MethodOptions, total=False):
    seed: int
    tokenizer_kwargs: str | Mapping[str, Any] | None
    explain_roles: tuple[str, ...]
    problem_type: ProblemTypeName | None


class _CommonOptions(_ExplainedOptions, _ComputationOptions, total=False):
    """Keyword arguments that all calls which explain classes share."""


class AuditOptions(_ComputationOptions, total=False):
    """Keyword arguments of `Explainer.hybrid_documents`, which makes texts and explains their predicted classes."""

    objective: ObjectiveName


class ExplainOptions(_CommonOptions, total=False):
    """Keyword arguments of a call that explains: all fields of `Options` except the positional `methods` and `unit`."""

    classes: tuple[ClassName, ...]
    top_classes: int
    threshold: float
    self_check: bool | None
    self_check_share: float | None


class ComparisonOptions(_RunningOptions, _MethodOptions, total=False):
    """Keyword arguments of a call that explains the difference between the logits of two texts, not a class."""

    seed: int
    tokenizer_kwargs: str | Mapping[str, Any] | None
    explain_roles: tuple[str, ...]
    self_check: bool | None
    self_check_share: float | None


class RefineOptions(_RunningOptions, _WindowOptions, total=False):
    """Keyword arguments of `Explainer.refine`: the options that are not stored in an explanation."""

    explain_roles: tuple[str, ...]
    problem_type: ProblemTypeName | None


class ReadingOptions(_RunningOptions, _WindowOptions, total=False):
    """Keyword arguments of a call that predicts texts again: how to read the texts, and the seed of random draws."""

    seed: int
    tokenizer_kwargs: str | Mapping[str, Any] | None
    problem_type: ProblemTypeName | None


class EvaluateOptions(_CommonOptions, total=False):
    """Keyword arguments of `Explainer.evaluate`: measures, audits, and all options except those of the self-check."""

    max_k: int | None
    ties: TiesName
    random_orders: int | None
    both_ends: bool | None
    naopc: bool | None
    beam_size: int
    k_grid: tuple[int, ...]
    compare_baselines: tuple[str, ...]
    hybrid_documents: int
    sanity: bool
    sanity_samples: int


def call_options(
    methods: str | Sequence[str], unit: UnitName, labels: object | None, options: ExplainOptions
) -> Options:
    """Return the options of a call that explains; if labels but no target are given, the labels are explained.

    Raises:
        GradexplainError: An option is unknown, or its value cannot be used.
    """
    return Options(methods, unit, **_checked(options, ExplainOptions, labels))  # type: ignore[arg-type]


def evaluate_options(
    methods: str | Sequence[str], unit: UnitName, labels: object | None, options: EvaluateOptions
) -> tuple[Options, MeasureArguments, AuditArguments]:
    """Return the options of a call that evaluates; if labels but no target are given, the labels are explained.

    Raises:
        GradexplainError: An option is unknown, or its value cannot be used.
    """
    given = _checked(options, EvaluateOptions, labels)
    names = [{part.name for part in fields(kind)} for kind in (MeasureArguments, AuditArguments)]
    measures, audits = ({k: x for k, x in given.items() if k in of_kind} for of_kind in names)
    others = {k: x for k, x in given.items() if k not in names[0] | names[1]}
    return Options(methods, unit, **others), MeasureArguments(**measures), AuditArguments(**audits)  # type: ignore[arg-type]


def _checked(options: Mapping[str, Any], known: type, labels: object | None) -> dict[str, Any]:
    """Return the options; if there are labels but no target, with the target "label".

    Raises:
        GradexplainError: A name is not known.
    """
    for name in options:
        choose("option", name, known.__annotations__)
    return dict(options) if labels is None else {"target": "label", **options}


def takes_options(function: F) -> F:
    """Decorate a function that takes `**options: Unpack[...]`: its signature and docstring then list all the options.

    The line `**options: ...` of the docstring is replaced by one entry per option.
    """
    signature = inspect.signature(function)
    *parameters, gathered = signature.parameters.values()
    taken = (*get_args(gathered.annotation), ExplainOptions)[0].__annotations__
    lines = []
    for part in (*fields(Options), *fields(MeasureArguments), *fields(AuditArguments)):
        if part.name in taken:
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(inspect.Parameter(part.name, kind, default=part.default, annotation=part.type))
            text = f"{part.name}: {part.metadata['help']}"
            lines.append(fill(text, 116, subsequent_indent="    ", break_on_hyphens=False))
    function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    document = inspect.getdoc(function) or ""
    start = document.index("    **options:")
    end = document.find("\n\n", start)
    entries = "\n".join("    " + line for line in "\n".join(lines).splitlines())
    function.__doc__ = document[:start] + entries + (document[end:] if end > 0 else "")
    return function
