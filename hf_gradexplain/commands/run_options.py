"""How to explain, from the arguments of a recipe."""

from dataclasses import fields

from hf_gradexplain.attribution.methods import check_names
from hf_gradexplain.options import Options


def options_of(arguments: Options) -> Options:
    """Return the part of a recipe's arguments that says how to explain.

    Raises:
        GradexplainError: A method is not registered; the message names the nearest one.
    """
    check_names(arguments.methods)
    return Options(**{part.name: getattr(arguments, part.name) for part in fields(Options)})
