"""The names of compared runs."""

from types import SimpleNamespace

import pytest

from hf_gradexplain.run.compare import _names, _options
from hf_gradexplain.run.evaluation import Evaluation


def in_memory(title, **inputs):
    run = object.__new__(Evaluation)
    object.__setattr__(run, "run", SimpleNamespace(title=title, inputs=inputs))
    return run


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        (["outputs/a", "outputs/b"], ["a", "b"]),
        (["x/run", "y/run"], ["x/run", "y/run"]),
        (["x/run", "x/run"], ["x/run (1)", "x/run (2)"]),
        ([in_memory("m on d/e"), "x/run"], ["m on d/e", "run"]),
        ([in_memory("m"), in_memory("m"), "x/m"], ["m (1)", "m (2)", "x/m (3)"]),
        ([in_memory("m"), "x/m", "y/n"], ["m", "x/m", "y/n"]),
    ],
)
def test_a_run_is_named_by_the_last_part_of_its_folder_if_that_tells_it_apart(runs, names):
    assert _names(runs) == names


def test_options_are_compared_as_json():
    assert _options(in_memory("m", k_grid=(1, 2))) == {"k_grid": [1, 2]}
    assert _options(SimpleNamespace(record={"inputs": {"k_grid": [1, 2]}})) == {"k_grid": [1, 2]}
