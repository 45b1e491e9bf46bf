"""One home for the options: what Python, the pipeline, the command line and the recipes take."""

import inspect
from dataclasses import fields, make_dataclass
from typing import get_type_hints

import pytest

from hf_gradexplain.cli import build_parser
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments, ExplainRecipeArguments
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer, explain
from hf_gradexplain.explainer.zero_shot import ZeroShotExplainer
from hf_gradexplain.options import Options, signatures
from hf_gradexplain.options.arguments import AuditArguments, MeasureArguments
from hf_gradexplain.options.fields import option, with_default
from hf_gradexplain.options.signatures import EvaluateOptions, ExplainOptions, takes_options
from hf_gradexplain.pipelines import TextAttributionPipeline
from tests.helpers.tiny import explainer

EXPLICIT = ("methods", "unit")
OPTIONS = {part.name: part for part in fields(Options)}


def test_the_typed_dict_is_the_dataclass_without_the_explicit_parameters():
    wanted = {name: part.type for name, part in OPTIONS.items() if name not in EXPLICIT}
    assert get_type_hints(ExplainOptions) == wanted
    shown = [name for name in inspect.signature(explain).parameters if name in wanted]
    assert shown == list(wanted)


@pytest.mark.parametrize("name", [name for name in vars(signatures) if name.endswith("Options") and name != "Options"])
def test_every_option_of_a_call_may_be_left_out(name):
    assert getattr(signatures, name).__required_keys__ == frozenset()


def test_an_evaluation_takes_the_options_and_the_measures():
    """No self-check, since an evaluation removes the units one by one, and one class of each text.

    Human rationales are an argument of their own, and no columns.
    """
    without = (*EXPLICIT, "classes", "top_classes", "threshold", "self_check", "self_check_share")
    options = {name: part for name, part in OPTIONS.items() if name not in without}
    of_the_recipe = ("rationale_column", "rationale_mask_column")
    measures = {part.name: part for part in (*fields(MeasureArguments), *fields(AuditArguments))}
    wanted = options | {name: part for name, part in measures.items() if name not in of_the_recipe}
    assert get_type_hints(EvaluateOptions) == {name: part.type for name, part in wanted.items()}
    parameters = inspect.signature(Explainer.evaluate).parameters
    document = " ".join((Explainer.evaluate.__doc__ or "").split())
    for name, part in wanted.items():
        assert parameters[name].default == part.default, name
        assert f"{name}: {part.metadata['help']}" in document
    own = ["self", "texts", "methods", "unit", "labels", "units", "rationales", "output_dir", "progress", "dry_run"]
    assert list(parameters)[: len(own)] == own
    assert parameters.keys() == {*own, *wanted}


@pytest.mark.parametrize("name", ["__call__", "stream", "sanity", "evaluate", "hybrid_documents"])
def test_the_methods_of_an_explainer_take_their_arguments_in_the_same_order(name):
    """The labels of hybrid documents have to be named."""
    parameters = inspect.signature(getattr(Explainer, name)).parameters.values()
    by_position = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    assert by_position == ["self", "texts", "methods", "unit", "labels"][: 4 if name == "hybrid_documents" else 5]


@pytest.mark.parametrize(
    "function", [Explainer.__call__, explain, TextAttributionPipeline.__call__, ZeroShotExplainer.__call__]
)
def test_a_signature_lists_every_option_with_its_default_and_type(function):
    parameters = inspect.signature(function).parameters
    assert set(OPTIONS) <= set(parameters)
    for name, part in OPTIONS.items():
        of_the_pipeline = (
            name in EXPLICIT and "pipelines" in function.__module__
        )  # its defaults are given to the pipeline
        assert parameters[name].default == (None if of_the_pipeline else part.default), name
        if name not in EXPLICIT:
            assert parameters[name].annotation == part.type
            assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
    assert not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())


@pytest.mark.parametrize(
    "function", [Explainer.__call__, explain, TextAttributionPipeline.__call__, ZeroShotExplainer.__call__]
)
def test_a_docstring_explains_every_option(function):
    text = " ".join((function.__doc__ or "").split())
    for name in ExplainOptions.__annotations__:
        assert f"{name}: {OPTIONS[name].metadata['help']}" in text
    assert "**options" not in text
    assert text.index("torch_compile:") < text.index("Returns:")


@pytest.mark.parametrize("recipe", [EvaluateRecipeArguments, ExplainRecipeArguments])
def test_a_recipe_takes_every_option(recipe):
    own = {part.name: part for part in fields(recipe)}
    for name, part in OPTIONS.items():
        assert own[name].type == part.type
        assert own[name].metadata == part.metadata


def test_the_command_line_takes_every_option():
    (commands,) = (action for action in build_parser()._actions if action.dest == "command_name")
    flags = {action.dest: action for action in commands.choices["explain"]._actions}
    for name, part in OPTIONS.items():
        assert flags[name].default == part.default, name


def test_options_are_checked_and_hashable():
    assert hash(Options("loo")) == hash(Options(("loo",)))
    with pytest.raises(GradexplainError, match="unknown objective 'x'; choices: loss, logit, prob"):
        Options(objective="x")
    with pytest.raises(TypeError, match="objectiv"):
        Options(objectiv="loss")


def test_a_misspelt_option_is_answered_with_the_nearest():
    with pytest.raises(GradexplainError, match=r"unknown option 'objectiv': did you mean 'objective'\?"):
        explainer("fasttext")("a text", objectiv="loss")


def test_the_decorator_replaces_its_line_and_nothing_else():
    @takes_options
    def last(a, **options):
        """Do it.

        Args:
            a: First.
            **options: The rest.
        """

    assert inspect.getdoc(last).startswith("Do it.\n\nArgs:\n    a: First.\n    target: ")
    assert inspect.getdoc(last).rstrip().endswith("self_check.")


@pytest.mark.parametrize(("function", "options"), [(explain, ExplainOptions), (Explainer.evaluate, EvaluateOptions)])
def test_help_texts_are_wrapped_between_words(function, options):
    parts = {part.name: part for kind in (Options, MeasureArguments, AuditArguments) for part in fields(kind)}
    lines = inspect.getdoc(function).splitlines()
    assert max(map(len, lines)) <= 120
    text = " ".join(line.strip() for line in lines)
    for name in get_type_hints(options):
        assert f"{name}: {parts[name].metadata['help']}" in text


def test_no_word_of_a_help_text_is_broken_at_a_hyphen(monkeypatch):
    said = " ".join(["x" * n + " leave-one-out" for n in range(1, 20)])
    monkeypatch.setattr(signatures, "Options", make_dataclass("MadeUp", [("seed", int, option(0, said))]))

    @takes_options
    def function(**options):
        """Do it.

        Args:
            **options: The rest.
        """

    assert f"seed: {said}" in " ".join(inspect.getdoc(function).split())


def test_another_default_keeps_help_and_name():
    part = with_default(Options, "unit", "token")
    assert (part.default, part.metadata) == ("token", OPTIONS["unit"].metadata)
    assert option(1, "Help.", metavar="N").metadata["metavar"] == "N"
