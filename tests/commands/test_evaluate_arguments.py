"""Values that no evaluation can have."""

import pytest

from hf_gradexplain.commands.arguments import EvaluateRecipeArguments
from hf_gradexplain.errors import GradexplainError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_k": -1}, "max_k is the largest number of removed units, 0 or more, not -1"),
        ({"threads": 0}, "threads is the number of CPU threads per process, 1 or more, not 0"),
    ],
)
def test_a_value_out_of_range_is_refused(values, message):
    with pytest.raises(GradexplainError, match=message):
        EvaluateRecipeArguments(**values)
