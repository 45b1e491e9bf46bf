"""All options, with their names, types, defaults, choices and help texts, and the signatures made from them."""

from hf_gradexplain.options.options import (
    AUTO,
    CUSTOM,
    DELETION,
    UNIT_NOUNS,
    BaselineName,
    ObjectiveName,
    Options,
    ProblemTypeName,
    TiesName,
    UnitName,
)

__all__ = [
    "AUTO",
    "CUSTOM",
    "DELETION",
    "UNIT_NOUNS",
    "BaselineName",
    "ObjectiveName",
    "Options",
    "ProblemTypeName",
    "TiesName",
    "UnitName",
]
