"""Counts of documents, compared with documents that were made up."""

import numpy as np
import pytest

from hf_gradexplain.evaluation.documents import EvaluatedDocument, schema, write_documents
from hf_gradexplain.evaluation.read_documents import count_documents, count_incomplete, is_regression, read_output_range
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.text.unit import Unit


def made_up(number, label, prediction, curve, *, truncated_at=None, regression=False, gap=0.0):
    n = len(curve) - 1
    explanation = Explanation(
        text="x" * n,
        units=tuple(Unit("x", ((k, k + 1),)) for k in range(n)),
        scores={"integrated_gradients": np.ones(n)},
        target=1,
        target_label="1",
        prediction=prediction,
        probabilities=np.array([1 - curve[0], curve[0]]),
        objective="loss",
        unit="word",
        truncated_at=truncated_at,
        regression=regression,
        completeness={"integrated_gradients": gap},
    )
    curves = {"integrated_gradients": np.array(curve)}
    return EvaluatedDocument(number, label, explanation, curves, correlations={})


FILES = [
    [
        made_up(0, 1, 1, [0.9995, 0.5, 0.1], gap=0.06),
        made_up(1, 0, 1, [0.9, 0.5, 0.3, 0.1, 0.0], truncated_at=3),
        made_up(2, None, 1, [0.999, 0.5], gap=-0.06),
    ],
    [
        made_up(4, 1, 1, [0.7]),
        made_up(5, 2, 2, [5.0, 0.5], regression=True, gap=0.05),
        made_up(6, 0, 1, [0.9999, 0.5], truncated_at=1),
        made_up(7, 0, 0, [0.2, 0.5]),
    ],
]


@pytest.fixture
def paths(tmp_path):
    for number, documents in enumerate(FILES):
        left_out = {3: "not finite"} if number else {}
        write_documents(documents, tmp_path / f"{number}.parquet", schema(["integrated_gradients"]), left_out)
    return sorted(tmp_path.glob("*.parquet"))


def test_documents_are_counted_over_all_files(paths):
    assert count_documents(paths) == {
        "documents": 7,
        "labelled": 5,
        "predicted_right": 3,
        "truncated": 2,
        "without_units": 1,
        "saturated": 2,
        "longest": 4,
        "left_out": 1,
    }
    assert count_documents([]) == dict.fromkeys(count_documents(paths), 0)


def test_without_labels_no_prediction_is_right(tmp_path):
    write_documents([made_up(0, None, 1, [0.5, 0.1])], tmp_path / "a.parquet", schema(["integrated_gradients"]))
    counts = count_documents([tmp_path / "a.parquet"])
    assert (counts["labelled"], counts["predicted_right"]) == (0, 0)


def test_a_regression_has_no_labels_that_could_be_right(tmp_path):
    documents = [made_up(i, 1, 1, [0.5, 0.1], regression=i > 1) for i in range(4)]
    for number, part in enumerate((documents, documents[2:])):
        write_documents(part, tmp_path / f"{number}.parquet", schema(["integrated_gradients"]))
    counts = [count_documents([tmp_path / f"{number}.parquet"]) for number in range(2)]
    assert [(each["labelled"], each["predicted_right"]) for each in counts] == [(2, 2), (0, 0)]


def test_scores_that_miss_their_sum_by_more_than_five_percent_are_counted(paths):
    assert count_incomplete(paths) == {"integrated_gradients": 2}
    assert count_incomplete(paths[1:]) == {"integrated_gradients": 0}


def test_the_range_of_outputs_is_that_of_full_texts_and_1_for_probabilities(tmp_path):
    outputs = [[-2.5, 9.0], [0.25, 0.5, -9.0], [1.5], [-2.0, 0.0]]
    files = [[made_up(i, None, 1, outputs[i], regression=True) for i in part] for part in ([0, 1], [], [2, 3])]
    files.append([made_up(4, 1, 1, [0.7])])
    paths = [tmp_path / f"{number}.parquet" for number in range(4)]
    for path, part in zip(paths, files, strict=True):
        write_documents(part, path, schema(["integrated_gradients"]))
    assert read_output_range(paths[:3]) == 4.0
    assert [is_regression(paths[:3]), is_regression(paths[3:]), is_regression(paths)] == [True, False, False]
    assert read_output_range(paths[2:3]) == 3.5
    assert read_output_range(paths) == read_output_range(paths[3:]) == 1.0


@pytest.mark.parametrize(
    ("outputs", "size"),
    [([-0.3], 0.3), ([0.3, 0.3], 0.3), ([0.0], 0.0), ([], 0.0), ([2.0, 2.0 + 1e-6], 2.0 + 1e-6), ([2.0, 2.01], 0.01)],
)
def test_the_range_of_equal_outputs_is_their_size(outputs, size, tmp_path):
    """Equal up to 8 rounding errors, which is 1.9e-6 for 2."""
    documents = [made_up(i, None, 1, [value, 0.0], regression=True) for i, value in enumerate(outputs)]
    write_documents(documents, tmp_path / "0.parquet", schema(["integrated_gradients"]))
    assert read_output_range([tmp_path / "0.parquet"]) == pytest.approx(size, rel=1e-9, abs=0)
