"""Open the folder of a finished run, to read its results without loading the model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.hub.provenance import Kind
from hf_gradexplain.options import Options
from hf_gradexplain.run.finished_files import changed_files
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.run.results import Run

AGAIN = "run the same command again, which writes it again and keeps the finished shards"
"""How to repair a damaged run."""


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """The results of a finished run, read from its folder; `open_run` returns it.

    Attributes:
        folder: The output folder.
        record: The content of `results.json`: `title`, `facts`, `inputs`, `notes`, `documents`, `versions`, ...
    """

    folder: Path
    record: Mapping[str, Any]

    @property
    def documents(self) -> tuple[Path, ...]:
        """The document files, in the order of the dataset."""
        return tuple(document_paths(self.folder))

    def commit(self, part: Kind) -> str | None:
        """Return the commit of the hub that the model or the dataset was loaded from; None for local files."""
        loaded = self.record["inputs"].get("commits", {}).get(part)
        return None if loaded is None else loaded.rpartition("@")[2]

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """The arguments in `run.yaml`; empty for a run from Python, which does not write `run.yaml`."""
        path = self.folder / "run.yaml"
        return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}

    @cached_property
    def frames(self) -> dict[str, pd.DataFrame]:
        """All tables, by the name of their file; other Parquet files in the folder do not belong to the run.

        The record of an earlier version does not name the tables, so all files are read.
        """
        paths, names = sorted(self.folder.glob("*.parquet")), self.record.get("tables")
        return {path.stem: pd.read_parquet(path) for path in paths if names is None or path.stem in names}

    @property
    def tables(self) -> Tables:
        """The tables of the evaluation, which every run has."""
        names = {part.name for part in fields(Tables)}
        return Tables(
            **{name: frame for name, frame in self.frames.items() if name in names},
            document_counts=self.record["documents"],
            unit=self.record["facts"].get("Unit", Options.unit),
            output_range=self.record.get("output_range", 1.0),
        )

    @property
    def run(self) -> Run:
        """The run as it was when it wrote the folder, except its `provenances`, which no file has."""
        record, replay = self.record, self.folder / "run.yaml"
        return Run(
            title=record["title"],
            facts=record["facts"],
            inputs=record["inputs"],
            tables=self.tables,
            seconds=record["seconds"],
            replay=record["replay"],
            arguments=replay.read_text(encoding="utf-8") if replay.exists() else "",
            extra=self.extra,
            notes=record.get("notes", ()),
            finished=record.get("finished", ""),
        )

    @property
    def extra(self) -> dict[str, pd.DataFrame]:
        """The tables of extra measures, by name."""
        names = {*(part.name for part in fields(Tables)), "words"}
        return {name: frame for name, frame in self.frames.items() if name not in names}


def open_run(folder: Path) -> FinishedRun:
    """Open the output folder of a finished run.

    Raises:
        GradexplainError: The folder is not the output folder of a finished run, or its tables were damaged or changed.
    """
    results = folder / "results.json"
    if not document_paths(folder):
        raise GradexplainError(
            f"{folder} is not the output folder of a run, which has results.json and documents/: give the output_dir "
            "of `hf-gradexplain evaluate`"
        )
    if not results.is_file():
        raise GradexplainError(f"the run in {folder} is not finished: run the same command again to resume it")
    for file in changed_files(folder):
        if file.name in ("results.json", "run.yaml") or file.suffix == ".parquet":
            raise GradexplainError(f"{file} was damaged or changed after the run: {AGAIN}")
    return FinishedRun(folder, json.loads(results.read_text(encoding="utf-8")))
