"""The labels of a data set become class ids of the model."""

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from hf_gradexplain.corpus import CorpusError
from hf_gradexplain.jobs.subject import _aligned

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
        (["sun", "rain"], [0, 1, 1], "taken as they are: sun = dry, rain = wet"),
    ],
)
def test_ids_are_matched_by_name_where_the_names_allow(kind, names, expected, note):
    aligned, notes = _aligned(kind(rows([0, 1, 1], ClassLabel(names=names))), IDS)
    assert [row["label"] for row in aligned] == expected
    assert [row["id"] for row in aligned] == [5, 6, 7]
    assert len(notes) == (note is not None)
    assert note is None or note in notes[0]


def test_names_in_a_stream_become_the_ids_of_the_model():
    stream = rows(["wet", "DRY", "wet"], Value("string")).to_iterable_dataset()
    aligned, _ = _aligned(stream, IDS)
    assert [row["label"] for row in aligned] == [1, 0, 1]
    unknown = rows(["wet", "snow", "wet"], Value("string")).to_iterable_dataset()
    message = r"label 'snow' of row 6 is no class of the model, which has 'dry', 'wet'; rename .* or give --target"
    with pytest.raises(CorpusError, match=message):
        list(_aligned(unknown, IDS)[0])
