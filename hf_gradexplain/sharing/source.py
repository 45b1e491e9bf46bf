"""The source dataset of explained texts, named in the metadata of published files.

Texts that were not published are loaded from the source dataset.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from hf_gradexplain.errors import translate_errors

KEY = b"hf_gradexplain"
"""The key of the source in the metadata of a published Parquet file."""


@dataclass(frozen=True)
class TextSource:
    """The dataset that explained texts were taken from, and a digest of those texts.

    Attributes:
        dataset_name: The name on the hub; None for a dataset on the publisher's machine.
        config: The configuration, or None.
        split: The split, or a slice of one.
        revision: The commit that was read, or None.
        text_column: The column of texts, or two joined by a comma.
        sha256: `digest` of the texts.
        included: Whether the texts are published with the explanations.
    """

    dataset_name: str | None
    config: str | None
    split: str
    revision: str | None
    text_column: str
    sha256: str = ""
    included: bool = True

    def to_metadata(self) -> dict[bytes, bytes]:
        """Return the source as metadata of a Parquet file."""
        return {KEY: json.dumps(asdict(self)).encode()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes] | None) -> "TextSource | None":
        """Return the source from the metadata of a Parquet file, or None if the metadata do not name a source.

        Raises:
            GradexplainError: The metadata are invalid.
        """
        if not metadata or KEY not in metadata:
            return None

        def explain(error: Exception) -> str:
            return f"the files do not name the source of their texts ({error!r}): publish them again with this version"

        with translate_errors(explain, ValueError, TypeError, KeyError, HFValidationError):
            record = json.loads(metadata[KEY])
            source = cls(**{field.name: record[field.name] for field in fields(cls)})
            validate_repo_id(source.dataset_name)  # never a path, which would be a local one
            return source


def digest(texts: Iterable[tuple[int, str]]) -> str:
    """Return the SHA-256 of row numbers and texts, in order."""
    hasher = hashlib.sha256()
    for row in texts:
        hasher.update(json.dumps(row).encode() + b"\n")
    return hasher.hexdigest()
