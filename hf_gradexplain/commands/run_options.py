"""The options of explanations, from the arguments of a recipe."""

from dataclasses import fields

from hf_gradexplain.attribution.methods import check_names
from hf_gradexplain.options import Options


def options_of(arguments: Options) -> Options:
    """Return the arguments of a recipe that are options of explanations.

    Raises:
        GradexplainError: A method is not registered; the message names the nearest one.
    """
    check_names(arguments.methods)
    return Options(**{part.name: getattr(arguments, part.name) for part in fields(Options)})
