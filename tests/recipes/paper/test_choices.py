"""What is chosen where the paper is silent, and how much it matters."""

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

from hf_gradexplain.evaluation.aopc import document_aopc
from hf_gradexplain.evaluation.documents import schema, write_documents
from hf_gradexplain.options import Options
from hf_gradexplain.runner import evaluate_texts
from recipes.paper import choices
from tests.recipes.paper.made_up import GOOD, result
from tests.tiny import TEXTS, explainer

METHODS = ("loo", "signed_gi")


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    path = tmp_path_factory.mktemp("documents") / "0.parquet"
    rows = Dataset.from_dict({"id": range(len(TEXTS)), "text": list(TEXTS)})
    found = evaluate_texts(explainer("textcnn"), rows, Options(METHODS, "word_type"))
    write_documents(found, path, schema(METHODS))
    return path, found


def test_texts_shorter_than_k_go_on_flat_or_are_left_out(documents):
    path, found = documents
    table = choices.short_documents([path], METHODS).set_index("method")
    units = [len(document.explanation.units) for document in found]
    for method in METHODS:
        drops = [document_aopc(document.curves[method], 10)[10] for document in found]
        assert table.loc[method, "AOPC(10), flat"] == pytest.approx(np.mean(drops))
        long = [drop for drop, n in zip(drops, units, strict=True) if n >= 10]
        assert table.loc[method, "AOPC(10), long texts"] == pytest.approx(np.mean(long))
        assert table.loc[method, "texts of 10 words"] == len(long) == 1
    assert "AOPC(50), flat" not in table.columns, "no text is so long"


def test_lengths_are_numbers_of_units(documents):
    path, found = documents
    assert choices.lengths_of([path]).tolist() == [len(document.explanation.units) for document in found]


def test_the_quarters_by_length_hold_every_text(documents):
    path, found = documents
    table = choices.by_length([path], k=3, parts=2)
    assert table["words"].tolist() == ["0 to 2", "5 to 18"]
    gaps = [np.subtract(*(document_aopc(d.curves[m], 3)[3] for m in METHODS)) for d in found]
    assert table["n"].tolist() == [3, 3]
    assert np.average(table["LOO − SignedGI"]) == pytest.approx(np.mean(gaps))


def test_settings_stand_side_by_side():
    results = {name: result(GOOD if name != "word" else {**GOOD, "loo": 0.2}) for name in choices.SAID}
    table = choices.choice_table(results).set_index("method")
    assert table.loc["loo"].tolist() == ["0.320 ± 0.005", "0.200 ± 0.005", *["0.320 ± 0.005"] * 4]
    assert choices.correlation_table(results).set_index("method").loc["signed_gi", "as chosen"] == "0.90 ± 0.02"
    assert choices.moved(results) == {"unit word": ["loo"]} | {said: [] for said in list(choices.SAID.values())[2:]}
    assert choices.ranking(results["word"])[:3] == ["signed_gi", "loo", "sa_l1"]


def test_the_sign_of_eq_7_is_the_other_end_of_the_order():
    found = result()
    rows = [("removal", "loo", 10, 0.3, 0.29, 0.31), ("negative_first", "loo", 10, -0.1, -0.12, -0.08)]
    columns = ["curve", "method", "k", "aopc", "ci_low", "ci_high"]
    object.__setattr__(found, "curves", pd.DataFrame(rows, columns=columns))
    assert choices.sign_of_loo(found)[0][:3] == (0.3, 0.29, 0.31)
    assert choices.sign_of_loo(found)[1][:3] == (-0.1, -0.12, -0.08)
