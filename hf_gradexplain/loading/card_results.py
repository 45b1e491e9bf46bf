"""Read how faithful each method is on a model, from the card that this package wrote with its weights."""

import hashlib
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from hf_gradexplain.hub.provenance import Provenance, UnavailableError, fetch, read_json

CARD_DATA = "card.json"
"""The file of the card's data in a model's folder or repository."""


class Measured(NamedTuple):
    """The AOPC of a method and its 95 % interval."""

    aopc: float
    low: float
    high: float


def card_results(model: Provenance) -> dict[str, Measured]:
    """Return the AOPC per method that a model's card holds; empty without such a card.

    The card also holds the SHA-256 of the weights that were measured. If the model has other weights now, the result is
    empty.
    """
    try:
        record = read_json(model, CARD_DATA)
        if record is None or record.get("weights_sha256") is None:
            return {}
        results = _results(record)
        return results if results and record["weights_sha256"] == weights_sha256(model) else {}
    except UnavailableError:
        return {}


def weights_sha256(model: Provenance) -> str | None:
    """Return one SHA-256 of all safetensors files of a model, in the order of their names; None if one is missing."""
    index = read_json(model, "model.safetensors.index.json")
    names = {"model.safetensors"} if index is None else set(map(str, _mapping(index.get("weight_map")).values()))
    paths = [fetch(model, name) for name in sorted(names)]
    if any(path is None for path in paths):
        return None
    digest = hashlib.sha256()
    for path in filter(None, paths):
        with Path(path).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _results(record: Mapping[str, Any]) -> dict[str, Measured]:
    """Return the results in a card. Anyone may have written it: rows of an unexpected form are left out."""
    rows = _mapping(record.get("faithfulness")).get("methods")
    results = {}
    for row in rows if isinstance(rows, list) else ():
        values = _mapping(row).get("short")
        numbers = [x for x in values if isinstance(x, int | float) and isfinite(x)] if isinstance(values, list) else []
        if len(numbers) == 3:
            results[str(_mapping(row).get("method"))] = Measured(*map(float, numbers))
    return results


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
