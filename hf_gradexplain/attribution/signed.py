"""Whether the scores of a method have a sign, also if the method is not registered in this process."""

from hf_gradexplain.attribution.methods import METHODS


def is_signed(name: str) -> bool:
    """Return whether a positive score of a method supports the target, and a negative one opposes it.

    A method that is not in `METHODS` counts as signed: another process, which registered it, made the scores.
    """
    return name not in METHODS or METHODS[name].signed
