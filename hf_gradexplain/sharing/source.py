"""Where explained texts come from, so that they can be had again: kept in the metadata of published files."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from hf_gradexplain.errors import GradexplainError

KEY = b"hf_gradexplain"
"""Where a published Parquet file says what its rows were made from."""


@dataclass(frozen=True)
class TextSource:
    """The data set that explained texts were taken from, and a digest of those texts.

    Attributes:
        dataset_name: Its name on the hub, or None for what lies on the machine of whoever published.
        config: Its configuration, or None.
        split: Its split, or a slice of one.
        revision: The commit that was read, or None.
        text_column: The column of texts, or two joined by a comma.
        sha256: `digest` of the texts.
        included: Whether the texts are published, too.
    """

    dataset_name: str | None
    config: str | None
    split: str
    revision: str | None
    text_column: str
    sha256: str = ""
    included: bool = True

    def to_metadata(self) -> dict[bytes, bytes]:
        """The metadata of a Parquet file that say so."""
        return {KEY: json.dumps(asdict(self)).encode()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes] | None) -> "TextSource | None":
        """The inverse of `to_metadata`; None where they say nothing.

        Raises:
            GradexplainError: What they say cannot be used.
        """
        if not metadata or KEY not in metadata:
            return None
        try:
            record = json.loads(metadata[KEY])
            source = cls(**{field.name: record[field.name] for field in fields(cls)})
            validate_repo_id(source.dataset_name)  # never a path, which would be one of this machine
        except (ValueError, TypeError, KeyError, HFValidationError) as error:
            raise GradexplainError(
                f"the files do not say where their texts come from ({error!r}): publish them again with this version"
            ) from error
        return source


def digest(texts: Iterable[tuple[int, str]]) -> str:
    """SHA-256 over row numbers and texts, in order."""
    found = hashlib.sha256()
    for row in texts:
        found.update(json.dumps(row).encode() + b"\n")
    return found.hexdigest()
