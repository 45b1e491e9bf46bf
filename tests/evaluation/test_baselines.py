"""Ranks under several masking baselines."""

from dataclasses import replace

import pandas as pd
import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.baselines import baseline_table, orders_that_depend, other_baselines
from hf_gradexplain.evaluation.summaries import baseline_ranks
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from tests.helpers.tiny import explainer, make


def tables(**aopc):
    rows = [(m, k, k * x, k * x - 0.1, k * x + 0.1, 5) for m, x in aopc.items() for k in (0, 1)]
    return Tables(pd.DataFrame(rows, columns=["method", "k", "aopc", "ci_low", "ci_high", "n"]), pd.DataFrame())


def test_methods_are_ranked_under_each_baseline():
    table = baseline_table({"zero": tables(a=0.2, b=0.5, c=0.3), "mean": tables(a=0.6, b=0.5, c=0.1)})
    ranks = table.set_index(["baseline", "method"])["rank"]
    assert ranks["zero"].to_dict() == {"b": 1, "c": 2, "a": 3}
    assert ranks["mean"].to_dict() == {"a": 1, "b": 2, "c": 3}
    assert (table["k"] == 1).all()
    shown = baseline_ranks(table)
    assert shown.to_dict("list") == {
        "method": ["b", "c", "a"],
        "zero": ["1. 0.500", "2. 0.300", "3. 0.200"],
        "mean": ["2. 0.500", "3. 0.100", "1. 0.600"],
    }


def test_an_aopc_of_small_outputs_has_more_decimals():
    shown = baseline_ranks(baseline_table({"zero": tables(a=0.002, b=-0.0005), "mean": tables(a=0.001, b=0.0005)}))
    assert shown.to_dict("list") == {
        "method": ["a", "b"], "zero": ["1. 0.0020", "2. −0.0005"], "mean": ["1. 0.0010", "2. 0.0005"],
    }  # fmt: skip


def test_methods_with_equal_aopc_share_a_rank():
    small = replace(tables(a=2e-7, b=5e-7, c=2e-7 + 2e-13, d=2e-7 - 1e-12), output_range=1e-6)
    assert baseline_table({"zero": small})["rank"].tolist() == [1, 2, 2, 4]
    assert baseline_table({"zero": replace(small, output_range=0.0)})["rank"].tolist() == [1, 1, 1, 1]
    table = baseline_table({"zero": tables(a=0.2, b=0.5, c=0.2 + 2e-7, d=0.2 - 1e-6)})
    assert dict(zip(table["method"], table["rank"], strict=True)) == {"b": 1, "a": 2, "c": 2, "d": 4}


def test_every_other_baseline_has_its_options():
    others = other_baselines(explainer("bert"), Options(methods=("loo",), seed=3), ["zero", "mean", "unk", "mean"])
    assert list(others) == ["mean", "unk"]
    assert others["unk"] == Options(methods=("loo",), seed=3, baseline="unk")


def test_deletion_is_one_of_the_choices():
    zero, mean = Options(methods=("loo",)), Options(methods=("loo",), baseline="mean")
    others = other_baselines(explainer("bert"), zero, ["deletion", "mean"])
    assert others == {"deletion": Options(methods=("loo",), mask="deletion"), "mean": mean}
    cut = Options(methods=("loo",), mask="deletion", baseline="mean")
    others = other_baselines(explainer("bert"), cut, ["deletion", "zero", "mean"])
    assert others == {"zero": Options(methods=("loo",), baseline="zero"), "mean": mean}


@pytest.mark.parametrize("name", ["deletio", "mask_token", ""])
def test_an_unknown_baseline_is_an_error_that_lists_deletion_too(name):
    with pytest.raises(GradexplainError, match=f"unknown baseline '{name}'.*deletion"):
        other_baselines(explainer("bert"), Options(methods=("loo",)), ["zero", name])


def paired(*rows):
    """Tables with paired tests of `(method, other, adjusted p)` at the shorter K, and their opposites at the longer."""
    columns = ["k", "method", "other", "p_adjusted"]
    tests = [(1, a, b, p) for a, b, p in rows] + [(9, b, a, 0.0) for a, b, _ in rows]
    return Tables(pd.DataFrame(), pd.DataFrame(), comparisons=pd.DataFrame(tests, columns=columns))


def test_methods_whose_order_depends_on_the_baseline_are_named():
    by = {
        "zero": paired(("a", "b", 0.01), ("a", "c", 0.01), ("b", "c", 0.2)),
        "mean": paired(("a", "b", 0.05), ("c", "a", 0.2), ("c", "b", 0.01)),
        "deletion": paired(("b", "a", 0.001), ("a", "c", 0.01), ("b", "c", 0.04)),
    }
    assert orders_that_depend(by) == [
        "The order of methods depends on the baseline: a is above b under zero and mean, and below it under deletion; "
        "c is above b under mean, and below it under deletion (paired tests)."
    ]


def test_many_such_pairs_are_counted():
    pairs = [("a", f"b{i}", 0.0) for i in range(7)]
    (said,) = orders_that_depend({"zero": paired(*pairs), "mean": paired(*[(b, a, p) for a, b, p in pairs])})
    assert said.count("is above") == 5
    assert said.endswith("; 2 more pairs do (paired tests).")
    pairs = pairs[:5]
    (said,) = orders_that_depend({"zero": paired(*pairs), "mean": paired(*[(b, a, p) for a, b, p in pairs])})
    assert said.count("is above") == 5
    assert said.endswith("under mean (paired tests).")


def test_no_order_that_depends_is_said_too():
    by = {"zero": paired(("a", "b", 0.01)), "deletion": paired(("b", "a", 0.06))}
    assert orders_that_depend(by) == [
        "No two methods change their order significantly between the baselines zero and deletion."
    ]
    assert orders_that_depend({"zero": tables(a=0.1), "mean": tables(a=0.2)}) == []


def test_an_unusable_baseline_is_refused_before_any_work():
    with pytest.raises(
        GradexplainError, match="compare_baselines='mask': the tokenizer has no mask token: choose baseline='mean'"
    ):
        other_baselines(explainer("bert"), Options(), ["mean", "mask"])
    model, tokenizer = make("gpt2")
    tokenizer.add_special_tokens({"pad_token": "<|pad|>"})
    with pytest.raises(
        GradexplainError, match=r"compare_baselines='pad': the model has no vector .*resize_token_embeddings"
    ):
        other_baselines(Explainer(model, tokenizer), Options(), ["pad"])
    with pytest.raises(GradexplainError, match="unknown baseline 'noise'"):
        other_baselines(explainer("bert"), Options(), ["noise"])
