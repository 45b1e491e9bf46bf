"""Numbers from the tables of an evaluation."""

import pandas as pd
import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.run.finished_files import record_finished_files
from recipes.paper.constants import SETTINGS
from recipes.paper.results import IntervalEstimate, over_seeds, read_result
from tests.recipes.paper.made_up import GOOD, result


def test_a_difference_is_available_in_either_order():
    evaluation = result()
    gap, back = evaluation.gap("signed_gi", "random", 10), evaluation.gap("random", "signed_gi", 10)
    assert gap[:3] == pytest.approx((0.301, 0.296, 0.306))
    assert back[:3] == pytest.approx((-0.301, -0.306, -0.296))
    assert gap.p == back.p == 0.001


def test_methods_that_are_not_compared_are_named():
    with pytest.raises(KeyError, match="loo and smoothgrad are not compared at k = 10"):
        result().gap("loo", "smoothgrad", 10)


def test_the_lead_is_of_the_better_of_the_two():
    assert result().lead(10)[:3] == pytest.approx((0.301, 0.296, 0.306))
    assert result({**GOOD, "loo": 0.4}).lead(60).value == pytest.approx(0.38)


def test_a_difference_has_a_sign_if_it_is_significant():
    evaluation = result({**GOOD, "sa_l1": 0.022})
    assert [evaluation.gap("loo", other, 10).sign for other in ("random", "signed_gi")] == [1, 0]
    assert evaluation.gap("random", "loo", 10).sign == -1
    assert IntervalEstimate(0.1, 0.0, 0.2).sign == 0, "without a test"


def test_tests_are_corrected_for_the_seven_and_tables_are_those_of_the_run(tmp_path):
    names = ["k", "method", "other", "difference", "ci_low", "ci_high", "p", "p_adjusted"]
    rows = [(10, "loo", "random", 0.1, 0, 0.2, 0.01, 0.9), (10, "sa_l1", "random", 0.1, 0, 0.2, 0.02, 0.9)]
    rows += [(10, "smoothgrad", "random", 0.1, 0, 0.2, 0.03, 0.9)]
    empty, curves = pd.DataFrame({"k": []}), pd.DataFrame({"k": [1, 2]})
    for name, table in {"aopc": empty, "comparisons": pd.DataFrame(rows, columns=names), "correlation": empty}.items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "00000000.parquet").touch()
    with pytest.raises(GradexplainError, match="is not finished: run the same command again to resume it"):
        read_result(tmp_path, SETTINGS[0], 0)
    (tmp_path / "results.json").write_text('{"title": "t"}')
    read = read_result(tmp_path, SETTINGS[0], 0)
    assert read.comparisons["p_adjusted"].tolist() == [0.02, 0.02, 0.9]
    assert (len(read.curves), read.record, len(read.aopc), len(read.correlation)) == (0, {"title": "t"}, 0, 0)
    curves.to_parquet(tmp_path / "curves.parquet")
    record_finished_files(tmp_path)
    pd.testing.assert_frame_equal(read_result(tmp_path, SETTINGS[0], 0).curves, curves)
    empty.to_parquet(tmp_path / "curves.parquet")
    with pytest.raises(GradexplainError, match=r"curves\.parquet was damaged or changed after the run"):
        read_result(tmp_path, SETTINGS[0], 0)


def test_texts_without_r_are_counted():
    assert result().without_r("sa_l1") == (5, 100)


def test_trainings_are_summed_up_by_their_outermost_ends():
    mean = over_seeds([result({**GOOD, "loo": x}).aopc_at("loo", 10) for x in (0.2, 0.3, 0.4)])
    assert mean[:3] == pytest.approx((0.3, 0.195, 0.405))
