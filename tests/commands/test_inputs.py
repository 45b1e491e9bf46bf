"""The model and the texts of an evaluation; labels of a dataset become classes of the model."""

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from hf_gradexplain.commands import inputs
from hf_gradexplain.commands.inputs import _match_classes, load_inputs
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.corpus import CorpusError
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.run.fingerprints import weights_fingerprint
from hf_gradexplain.run.folder import document_path

IDS = {"dry": 0, "wet": 1}


def rows(labels, feature):
    features = Features({"id": Value("int64"), "text": Value("string"), "label": feature})
    return Dataset.from_dict({"id": [5, 6, 7], "text": ["a", "b", "c"], "label": labels}, features)


@pytest.mark.parametrize("kind", [lambda rows: rows, Dataset.to_iterable_dataset], ids=["loaded", "streamed"])
@pytest.mark.parametrize(
    ("names", "expected", "note"),
    [
        (["dry", "wet"], [0, 1, 1], None),
        (["Wet", "dry"], [1, 0, 0], "matched by name"),
        (["sun", "rain"], [0, 1, 1], "kept as they are: sun = dry, rain = wet"),
    ],
)
def test_ids_are_matched_by_name_where_the_names_allow(kind, names, expected, note):
    aligned, notes = _match_classes(kind(rows([0, 1, 1], ClassLabel(names=names))), IDS)
    assert [row["label"] for row in aligned] == expected
    assert [row["id"] for row in aligned] == [5, 6, 7]
    assert len(notes) == (note is not None)
    assert note is None or note in notes[0]


def test_names_in_a_stream_become_the_ids_of_the_model():
    stream = rows(["wet", "DRY", "wet"], Value("string")).to_iterable_dataset()
    aligned, _ = _match_classes(stream, IDS)
    assert [row["label"] for row in aligned] == [1, 0, 1]
    unknown = rows(["wet", "snow", "wet"], Value("string")).to_iterable_dataset()
    message = r"label 'snow' of row 6 is not a class of the model, which has 'dry', 'wet': rename .* or give --target"
    with pytest.raises(CorpusError, match=message):
        list(_match_classes(unknown, IDS)[0])


def embedded(folder, seed):
    """Return the fingerprint of the model that an evaluation without arguments uses."""
    evaluated = load_inputs(EvaluateRecipeArguments(seed=seed, output_dir=str(folder)), folder)
    return weights_fingerprint(evaluated.engine.model)


def test_the_embedded_model_is_that_of_the_seed(tmp_path, monkeypatch):
    """Also where an earlier run trained one for another seed, and then left nothing else."""
    expected = embedded(tmp_path / "alone", 1)
    assert embedded(tmp_path / "shared", 0) != expected
    assert embedded(tmp_path / "shared", 1) == expected
    monkeypatch.setattr(inputs, "_train_fasttext", None)
    assert embedded(tmp_path / "shared", 1) == expected


def test_the_model_of_finished_shards_stays(tmp_path):
    """The run with another seed is refused later, by the inputs of the folder."""
    before = embedded(tmp_path, 0)
    document_path(tmp_path, 0).parent.mkdir()
    document_path(tmp_path, 0).touch()
    assert embedded(tmp_path, 1) == before


def test_a_model_of_somebody_else_is_neither_taken_nor_replaced(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"mine")
    with pytest.raises(
        GradexplainError,
        match=r"model holds something other than the model of the generated corpus .* give another --output_dir",
    ):
        embedded(tmp_path, 0)
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == b"mine"
