"""Write document files as the files of a dataset, with their texts or without."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hf_gradexplain.evaluation.documents import CLASS_NAMES, open_documents
from hf_gradexplain.files import atomic_write
from hf_gradexplain.sharing.source import TextSource, digest

FILES_PER_SHARD = 64
"""The number of document files that are joined into one file: up to 8,192 documents."""


def write_shards(documents: Sequence[Path], folder: Path, split: str, source: TextSource) -> TextSource:
    """Write the rows of document files as `SPLIT-00000-of-00001.parquet`, ..., which `datasets` can load.

    If `source.included` is False, the column `text` and the surface forms of units (their pieces of the text) are left
    out. A form can be restored from the text and the span of the unit. The form of a unit with an empty span cannot be
    restored; it is kept, because it is only an entry of the tokenizer's vocabulary.

    Args:
        documents: The document files, in the order of the dataset.
        folder: The folder to write to.
        split: The name of the split.
        source: The source of the texts.

    Returns:
        The source, with `sha256` set to the digest of the texts.
    """
    source = replace(source, sha256=digest(_texts(documents)))
    parts = [documents[i : i + FILES_PER_SHARD] for i in range(0, len(documents), FILES_PER_SHARD)]
    for number, paths in enumerate(parts):
        name = f"{split}-{number:05d}-of-{len(parts):05d}.parquet"
        with ExitStack() as stack:
            temporary, writer = stack.enter_context(atomic_write(folder / name)), None
            for path in paths:
                table = open_documents(path).read()
                metadata = {key: x for key, x in (table.schema.metadata or {}).items() if key == CLASS_NAMES}
                table = table if source.included else without_texts(table)
                table = table.replace_schema_metadata({**source.to_metadata(), **metadata})
                writer = writer or stack.enter_context(pq.ParquetWriter(temporary, table.schema, compression="zstd"))
                writer.write_table(table)
    return source


def without_texts(table: pa.Table) -> pa.Table:
    """Return the rows without the column `text`, and with null for the surface forms of units that have a span."""
    units = table["units"].combine_chunks()
    parts = units.flatten()
    first = pc.list_element(parts.field("spans"), 0)
    no_characters = pc.equal(pc.list_element(first, 0), pc.list_element(first, 1))
    forms = pc.if_else(no_characters, parts.field("text"), pa.scalar(None, pa.string()))
    stripped = pa.StructArray.from_arrays([forms, parts.field("spans")], ["text", "spans"])
    offsets = pc.subtract(units.offsets, units.offsets[0])
    column = pa.ListArray.from_arrays(offsets, stripped)
    return table.set_column(table.column_names.index("units"), "units", column).drop_columns(["text"])


def _texts(documents: Sequence[Path]) -> Iterator[tuple[int, str]]:
    for path in documents:
        table = open_documents(path).read(["id", "text"])
        yield from zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True)
