"""Columns of rationales, loaded and streamed."""

import pandas as pd
import pytest

from hf_gradexplain.commands.rationales import to_rationales
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.corpus import CorpusError, load_texts, stream_texts
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.run.fingerprints import texts_fingerprint

ROWS = {
    "text": ["Dull and slow.", "Good!", "One more film"],
    "label": [0, 1, 1],
    "spans": [[{"start": 0, "end": 4}, {"start": 9, "end": 13}], [], None],
    "mask": [[1, 0, 1], [0], None],
}
read = pytest.mark.parametrize("load", [load_texts, stream_texts])


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "test.jsonl"
    pd.DataFrame(ROWS).to_json(path, orient="records", lines=True)
    return str(path)


@read
@pytest.mark.parametrize("column", ["spans", "mask"])
def test_rationales_become_spans(load, column, file):
    option = {"rationale_column" if column == "spans" else "rationale_mask_column": column}
    rows = list(to_rationales(load(file, **option)))
    last = 13 if column == "spans" else 14
    assert [row["rationale"] for row in rows] == [[[0, 4], [9, last]], [], []]
    assert set(rows[0]) == {"id", "text", "label", "rationale"}


def test_other_texts_stay_as_they_are(file):
    rows = load_texts(file)
    assert to_rationales(rows) is rows


@read
def test_a_wrong_mask_is_named_by_its_row(load, tmp_path):
    path = tmp_path / "test.jsonl"
    pd.DataFrame({**ROWS, "mask": [[1, 0, 1], [0, 1], None]}).to_json(path, orient="records", lines=True)
    with pytest.raises(GradexplainError, match=r"the mask of row 1 has 2 numbers, but its text has 1 words"):
        list(to_rationales(load(str(path), rationale_mask_column="mask")))


@read
def test_an_unknown_column_is_refused(load, file):
    with pytest.raises(CorpusError, match="unknown rationale_mask_column 'masks': did you mean 'mask'"):
        load(file, rationale_mask_column="masks")


def test_the_fingerprint_of_the_texts_depends_on_them(file, tmp_path):
    path = tmp_path / "test.jsonl"
    pd.DataFrame({**ROWS, "mask": [[1, 1, 1], [0], None]}).to_json(path, orient="records", lines=True)
    texts = [load_texts(file), *(to_rationales(load_texts(str(p), rationale_mask_column="mask")) for p in (file, path))]
    assert len(set(map(texts_fingerprint, texts))) == 3


def test_options_that_contradict_each_other_are_refused():
    for arguments, message in [
        ({"rationale_column": "a", "rationale_mask_column": "b", "dataset_name": "d"}, "give either rationale_column"),
        ({"rationale_column": "a"}, "rationale_column and rationale_mask_column need a --dataset_name or a --file"),
    ]:
        with pytest.raises(GradexplainError, match=message):
            EvaluateRecipeArguments(**arguments)
