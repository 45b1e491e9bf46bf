"""Fields that take numbers, flags or one of some names: everything else is refused in one sentence.

Numbers and flags of NumPy and PyTorch pass.
"""

import re
from dataclasses import fields
from fractions import Fraction
from types import NoneType
from typing import get_args

import numpy as np
import pytest
import torch

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import AuditArguments, MeasureArguments
from hf_gradexplain.options.fields import choices_of
from hf_gradexplain.options.words import InsertionTest
from hf_gradexplain.training.arguments import TrainArguments
from tests.helpers.tiny import explainer

KINDS = (Options, MeasureArguments, AuditArguments, InsertionTest)
WHOLE = [(kind, part.name) for kind in KINDS for part in fields(kind) if part.type in (int, int | None)]
FLAGS = [(kind, part.name) for kind in KINDS for part in fields(kind) if part.type in (bool, bool | None)]
REAL = [(kind, part.name) for kind in KINDS for part in fields(kind) if part.type in (float, float | None)]

ALSO = {"top_classes": {"target": "all"}}
"""Options that another option needs."""


@pytest.mark.parametrize("kind_and_name", WHOLE, ids=lambda x: x[1])
@pytest.mark.parametrize("value", [20.5, 20.0, "20", True, np.float64(20), np.bool_(True), [20]], ids=repr)
def test_only_whole_numbers_pass(kind_and_name, value):
    kind, name = kind_and_name
    shown = value.item() if isinstance(value, np.generic) else value
    with pytest.raises(GradexplainError, match=f"^{name} must be a whole number, but is {re.escape(repr(shown))}$"):
        kind(**{name: value})


@pytest.mark.parametrize("kind_and_name", WHOLE, ids=lambda x: x[1])
@pytest.mark.parametrize("value", [np.int64(20), np.uint8(20), np.array(20), torch.tensor(20)], ids=repr)
def test_whole_numbers_become_those_of_python(kind_and_name, value):
    kind, name = kind_and_name
    number = getattr(kind(**{name: value}, **ALSO.get(name, {})), name)
    assert (number, type(number)) == (20, int)


@pytest.mark.parametrize("kind_and_name", REAL, ids=lambda x: x[1])
@pytest.mark.parametrize("value", ["0.5", True, [0.5], 0.5j], ids=repr)
def test_only_numbers_pass(kind_and_name, value):
    kind, name = kind_and_name
    with pytest.raises(GradexplainError, match=f"^{name} must be a number, but is {re.escape(repr(value))}$"):
        kind(**{name: value})


@pytest.mark.parametrize("kind_and_name", REAL, ids=lambda x: x[1])
@pytest.mark.parametrize("value", [0.5, np.float32(0.5), torch.tensor(0.5), Fraction(1, 2)], ids=repr)
def test_numbers_become_those_of_python(kind_and_name, value):
    kind, name = kind_and_name
    number = getattr(kind(**{name: value}), name)
    assert (number, type(number)) == (0.5, float)


@pytest.mark.parametrize("kind_and_name", FLAGS, ids=lambda x: x[1])
@pytest.mark.parametrize("value", ["no", 1, 0, np.int64(1)], ids=repr)
def test_only_flags_pass(kind_and_name, value):
    kind, name = kind_and_name
    shown = value.item() if isinstance(value, np.generic) else value
    with pytest.raises(GradexplainError, match=f"^{name} must be True or False, but is {shown!r}$"):
        kind(**{name: value})


@pytest.mark.parametrize("value", [np.bool_(True), torch.tensor(True), True], ids=repr)
def test_flags_become_those_of_python(value):
    assert Options(torch_compile=value).torch_compile is True
    assert Options(self_check=value).self_check is True


# objective=None is the default, and depends on `against`
CHOICES = [
    (kind, part.name)
    for kind in KINDS
    for part in fields(kind)
    if choices_of(part) and NoneType not in get_args(part.type) and part.name != "objective"
]


@pytest.mark.parametrize("kind_and_name", CHOICES, ids=lambda x: x[1])
@pytest.mark.parametrize("value", [None, 3, "nothing of the kind"], ids=repr)
def test_only_choices_pass(kind_and_name, value):
    kind, name = kind_and_name
    with pytest.raises(GradexplainError, match=f"^unknown {name} {value!r}"):
        kind(**{name: value})


def test_a_whole_number_stays_one_where_a_decimal_may_stand():
    assert type(Options(max_error=0).max_error) is int


def test_what_may_be_left_out_is_none():
    assert (Options(steps=None).steps, Options(self_check_share=None).self_check_share) == (None, None)
    assert Options(self_check=None, baseline=None, objective=None) == Options()
    for name, kind in (("seed", "a whole number"), ("max_error", "a number"), ("torch_compile", "True or False")):
        with pytest.raises(GradexplainError, match=f"^{name} must be {kind}, but is None$"):
            Options(**{name: None})


@pytest.mark.parametrize("value", [[1, 5], np.array([1, 5]), (np.int64(1), 5)], ids=repr)
def test_a_list_of_whole_numbers(value):
    numbers = MeasureArguments(k_grid=value).k_grid
    assert numbers == (1, 5)
    assert {type(number) for number in numbers} == {int}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ((1, 5.5), "a number in k_grid must be a whole number, but is 5.5"),
        ((True,), "a number in k_grid must be a whole number, but is True"),
        (5, "k_grid must be a list of whole numbers, not int"),
        ({"n": [1]}, "k_grid must be a list of whole numbers, not dict: give one of its columns, such as numbers['n']"),
    ],
)
def test_a_list_of_something_else_is_refused(value, message):
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}$"):
        MeasureArguments(k_grid=value)


NAMES = [(Options, "methods"), (Options, "explain_roles"), (MeasureArguments, "compare_baselines")]


@pytest.mark.parametrize(("kind", "option"), NAMES, ids=[option for _, option in NAMES])
def test_an_option_takes_one_name_or_a_list_of_names(kind, option):
    for given, expected in (
        ("pad", ("pad",)),
        (np.array("pad"), ("pad",)),
        (("pad", "unk"), ("pad", "unk")),
        (["pad", "unk"], ("pad", "unk")),
        ((name for name in ("pad", "unk")), ("pad", "unk")),
        (np.array(["pad", "unk"]), ("pad", "unk")),
    ):
        names = getattr(kind(**{option: given}), option)
        assert (names, {type(name) for name in names}) == (expected, {str})
    for given in (None, 5, b"pad"):
        message = f"{option} must be a name or a list of names, not {type(given).__name__}"
        with pytest.raises(GradexplainError, match=f"^{message}$"):
            kind(**{option: given})


def test_a_call_without_methods_is_refused():
    explain = explainer("textcnn")
    for call in (lambda: explain("bad", None), lambda: explain.evaluate(["bad"], None, ["loo"], progress=False)):
        with pytest.raises(GradexplainError, match=r"^methods must be a name or a list of names, not NoneType$"):
            call()


def test_a_training_is_checked_too():
    with pytest.raises(GradexplainError, match=r"^vocab_size must be a whole number, but is '9'$"):
        TrainArguments(dataset_name="x", model_type="fasttext", output_dir="x", vocab_size="9")


def test_arguments_beside_the_options_are_checked():
    explain = explainer("textcnn")
    with pytest.raises(GradexplainError, match=r"^n must be a whole number, but is 2\.5$"):
        explain.hybrid_documents(["a film. bad.", "good. an end."], labels=[0, 1], n=2.5)
    drawn = explain("the film is good and the end is not bad", "shapley", max_evals=30, max_error=0)
    with pytest.raises(GradexplainError, match=r"^max_evals must be a whole number, but is 90\.5$"):
        explain.refine(drawn, 90.5)
    assert explain.refine(drawn, np.int64(90)).sampling["shapley"].copies > drawn.sampling["shapley"].copies
