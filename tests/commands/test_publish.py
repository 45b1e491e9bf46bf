"""What is published of a run, without a hub."""

from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import yaml
from datasets import Dataset

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.commands import publish as module
from hf_gradexplain.commands.publish import (
    REPLACED,
    _about_texts,
    _metadata,
    _methods,
    _source,
    _split_name,
    public_replay,
    publish,
    write_dataset,
)
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.evaluation.documents import schema
from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.hub.push import Destination
from hf_gradexplain.options import Options
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.run.results import FILES, Run, table_files, write_results
from hf_gradexplain.run.runner import evaluate
from hf_gradexplain.sharing import TextSource
from hf_gradexplain.viz.templating import escape_markdown
from tests.helpers.tiny import explainer

ON_HUB = {"model": Provenance("me/m", "aa"), "dataset": Provenance("me/d", "bb")}
LOCAL = {"model": Provenance("/x/m"), "dataset": Provenance("/x/d")}


def run(provenances=LOCAL):
    return SimpleNamespace(title="m on d", provenances=provenances)


@pytest.mark.parametrize(
    ("documents", "size"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (9_999, "1K<n<10K"),
        (10_000, "10K<n<100K"),
        (100_000, "100K<n<1M"),
        (1_000_000, "1M<n<10M"),
        (9_999_999, "1M<n<10M"),
        (10_000_000, "n>10M"),
    ],
)
def test_the_card_says_how_many_documents_there_are(documents, size):
    assert _metadata(run(), "test", documents)["size_categories"] == [size]


def test_the_card_names_a_source_dataset_of_the_hub_only():
    metadata = _metadata(run(ON_HUB), "test", 5)
    assert metadata["source_datasets"] == ["me/d"]
    assert metadata["pretty_name"] == "Explanations of m on d"
    assert metadata["configs"] == [
        {"config_name": "default", "data_files": [{"split": "test", "path": "data/test-*.parquet"}]}
    ]
    assert "source_datasets" not in _metadata(run(), "test", 5)
    assert "source_datasets" not in _metadata(run({}), "test", 5)


@pytest.mark.parametrize(
    ("split", "name"),
    [("test", "test"), ("test[:10%]", "test"), ("a-b c", "a_b_c"), ("-a-", "a"), ("[:3]", "all"), ("ü", "all")],
)
def test_the_name_of_a_split_is_one_that_datasets_accepts(split, name):
    assert _split_name(split) == name


def arguments(**more):
    given = {"model_name_or_path": "me/m", "dataset_name": "me/d", "target": "predicted", "output_dir": "/secret/out"}
    return EvaluateRecipeArguments(**{**given, **more})


@pytest.mark.parametrize(
    ("provenances", "expected"),
    [
        (ON_HUB, TextSource("me/d", "c", "s", "bb", "text", included=False)),
        (LOCAL, TextSource(None, "c", "s", None, "text", included=False)),
        ({}, TextSource(None, "c", "s", None, "text", included=False)),
    ],
)
def test_the_source_of_the_texts_is_a_dataset_of_the_hub_at_its_commit(provenances, expected):
    assert _source(run(provenances), arguments(dataset_config_name="c", split="s")) == expected


def test_texts_are_included_by_request():
    assert _source(run(), arguments(push_to_hub=True, publish_text=True)).included
    assert "part of this dataset; the licence" in _about_texts(TextSource("me/d", None, "s", "bb", "text"))
    assert "fetches them from me/d at the commit bb" in _about_texts(
        TextSource("me/d", None, "s", "bb", "text", included=False)
    )
    assert "pass them to load_explanations" in _about_texts(TextSource(None, None, "s", None, "text", included=False))


def test_the_replay_has_the_commits_and_no_local_path(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    allowed = {"trust_remote_code": True, "allow_pickle": True}
    given = arguments(dataset_name=str(folder), device="cpu", dtype="float16", reference_texts=("secret",), **allowed)
    said = public_replay(given, run({"model": Provenance("me/m", "aa"), "dataset": Provenance(str(folder))}))
    replay = yaml.safe_load(said)
    assert (replay["model_name_or_path"], replay["model_revision"]) == ("me/m", "aa")
    assert replay["dataset_name"] == "data"
    assert replay.get("dataset_revision") is None
    assert replay["dtype"] == "float16"
    assert not {"output_dir", "device", "trust_remote_code", "allow_pickle", "reference_texts"} & set(replay)
    assert "secret" not in said
    assert str(tmp_path) not in said
    shared = arguments(push_to_hub=True, publish_text=True, reference_texts=("secret",))
    assert yaml.safe_load(public_replay(shared, run(ON_HUB)))["reference_texts"] == ["secret"]
    assert yaml.safe_load(public_replay(arguments(), run(ON_HUB)))["dataset_revision"] == "bb"
    generated = EvaluateRecipeArguments()
    assert yaml.safe_load(public_replay(generated, run({}))).get("model_name_or_path") is None


def test_what_a_killed_process_left_is_removed_and_all_files_are_pushed(tmp_path, monkeypatch):
    pushed = []
    (tmp_path / ".hub.old").mkdir()
    (tmp_path / ".hub.old" / "file").write_text("x")
    (tmp_path / ".hub.file").write_text("a file cannot be removed as a folder")

    def write(run, arguments, output_dir, folder, name):
        assert not (tmp_path / ".hub.old").exists()
        assert (folder.parent, folder.name[:5], name) == (tmp_path, ".hub.", "me/d")
        (folder / "README.md").write_text("card")

    monkeypatch.setattr(module, "write_dataset", write)
    monkeypatch.setattr(module, "push", lambda *names, **more: pushed.append((*names, more)) or "done")
    destination = Destination("me/d", "dataset", private=True)
    assert publish(run(), arguments(), tmp_path, destination) == "done"
    ((where, files, more),) = pushed
    assert (where, list(files), more) == (destination, ["README.md"], {"message": "Explanations", "replaces": REPLACED})
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hub.file"]


def test_the_card_lists_the_methods_of_the_documents(tmp_path):
    pq.write_table(schema(("loo", "random", "my_own")).empty_table(), tmp_path / "0.parquet")
    assert _methods(tmp_path / "0.parquet") == [
        *((name, METHODS[name].summary) for name in ("loo", "random")),
        ("my_own", "a method that was registered for the run"),
    ]


def test_tables_figures_arguments_and_card_are_written(tmp_path):
    rows = Dataset.from_dict({"id": range(3), "text": ["the film is good", "bad music", ""]})
    tables = evaluate(explainer("fasttext"), rows, Options(methods=("loo", "random")), tmp_path / "run", inputs={})
    finished = Run("m on d", {"Model": "m"}, {}, tables, 1.0, "m", "", notes=("a note",), provenances=ON_HUB)
    write_results(tmp_path / "run", finished, document_paths(tmp_path / "run"))
    write_dataset(finished, arguments(split="s"), tmp_path / "run", tmp_path / "data", "me/x")
    files = {path.relative_to(tmp_path / "data").as_posix(): path for path in (tmp_path / "data").rglob("*.*")}
    expected = table_files(finished)
    assert {name for name in files if name.startswith("tables/")} == {f"tables/{name}.parquet" for name in expected}
    for name, table in expected.items():
        written = pq.read_table(files[f"tables/{name}.parquet"])
        assert (written.column_names, written.num_rows) == (list(table.columns), len(table))
    figures = [name for name in files if name.startswith("figures/")]
    assert figures
    for name in figures:
        assert files[name].read_bytes() == (tmp_path / "run" / name).read_bytes()
    assert files["run.yaml"].read_text() == public_replay(arguments(split="s"), finished)
    card = files["README.md"].read_text()
    for said in (METHODS["loo"].summary, METHODS["random"].summary, "a note", *map(FILES.get, expected), *figures):
        assert str(escape_markdown(said)) in card or said in card
    assert "null, since the texts are not included; the spans say where the unit is" in card
    assert pq.read_table(files["data/s-00000-of-00001.parquet"]).num_rows == 3
