"""Tests of every architecture of `AutoModelForSequenceClassification` in the installed transformers."""

import pytest

from hf_gradexplain.attribution import gradients
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from tests.architectures import table
from tests.architectures.measure import TEXTS, TOLERANCE, ArchitectureCase
from tests.architectures.zoo import MODEL_TYPES, OVERRIDES, InFloat64, tiny_model, tiny_tokenizer
from tests.helpers.snapshot import snapshot

LONG = ("qwen3_5", "qwen3_5_text", "qwen3_next", "t5gemma2", "zamba", "zamba2")
"""Architectures that take ten times as long as others."""


@pytest.mark.parametrize(
    "model_type", [pytest.param(x, marks=pytest.mark.slow if x in LONG else ()) for x in MODEL_TYPES]
)
def test_scores_are_those_of_the_model_itself_which_is_restored(model_type):
    case = ArchitectureCase.of(model_type)
    case.model.train()
    before = snapshot(case.model, case.tokenizer)
    errors = case.errors()
    assert errors.gradient <= TOLERANCE
    assert errors.leave_one_out <= TOLERANCE
    assert errors.batch <= TOLERANCE
    assert errors.conservation <= 1e-9
    assert errors.recomputed <= 1e-12
    assert errors.shared_prefix <= 1e-12
    assert ("shared prefixes" in remarks_of(model_type)) == case.explainer.profile.shares_prefixes
    assert snapshot(case.model, case.tokenizer) == before


@pytest.mark.slow
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_another_baseline_replaces_a_word_in_every_lookup(model_type):
    case = ArchitectureCase.of(model_type)
    with InFloat64():
        assert case.leave_one_out_error("mean") <= TOLERANCE
    assert case.nodes() <= {(name.strip("`"), kind) for name, kind, _ in map(table.cells, page_rows("node"))}


@pytest.mark.slow
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_padding_on_either_side_changes_nothing(model_type, side):
    case = ArchitectureCase.of(model_type, padding_side=side)
    with InFloat64():
        assert case.batch_error() <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_one_backward_pass_for_all_classes_is_a_pass_for_each(model_type, monkeypatch):
    """In all architectures, every operation has a backward pass with an axis of classes; FastText needs no pass."""
    case, slopes, backward = ArchitectureCase.of(model_type), [], gradients._backward

    def note(run, slope, *, keep_graph):
        grad = backward(run, slope, keep_graph=keep_graph)
        slopes.append(slope.ndim)
        return grad

    def explained():
        slopes.clear()
        with InFloat64():
            found = case.explainer(TEXTS[0], ("signed_gi", "sa_l2"), "token", target="all", self_check=False)
        return found.by_class(), set(slopes)

    monkeypatch.setattr(gradients, "_backward", note)
    together, ranks = explained()
    assert ranks == ({3} if model_type != "fasttext" else set())
    monkeypatch.setattr(gradients, "TOGETHER", 0)
    alone, ranks = explained()
    assert ranks == ({2} if model_type != "fasttext" else set())
    assert len(together) == 3
    for name, explanation in alone.items():
        for method, scores in explanation.scores.items():
            assert abs(together[name][method] - scores).max() <= 1e-12 * max(abs(scores).max(), 1e-6)


def test_every_override_is_of_a_known_architecture():
    assert {*OVERRIDES, *LONG} <= set(MODEL_TYPES)


def test_the_page_has_every_architecture():
    assert [table.cells(line)[0].strip("`") for line in page_rows("architecture")] == MODEL_TYPES


def test_the_page_has_the_measured_results_of_other_tools():
    for line in page_rows("architecture"):
        model_type, _, _, _, _, _, *peers, _ = table.cells(line)
        assert peers == table.peer_cells(model_type.strip("`"))
    assert all(set(part["rows"]) == set(MODEL_TYPES) for part in table.PEERS.values())


def test_the_page_can_be_rendered_from_its_rows():
    assert table.PAGE.read_text(encoding="utf-8") == table.render(page_rows("architecture"), page_rows("node"))


def remarks_of(model_type: str) -> str:
    """Return the remarks of the page about an architecture."""
    (row,) = (line for line in page_rows("architecture") if line.startswith(f"| `{model_type}` |"))
    return table.cells(row)[-1]


def page_rows(first_column: str) -> list[str]:
    """Return the rows of the table whose first column has this name."""
    _, _, rest = table.PAGE.read_text(encoding="utf-8").partition(f"| {first_column} |")
    return [line for line in rest.partition("\n\n")[0].splitlines() if line.startswith("| `")]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_the_page_agrees_with_a_new_measurement(model_type):
    assert table.row(model_type, ArchitectureCase.of(model_type)) in table.PAGE.read_text(encoding="utf-8").splitlines()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_page_counts_the_architectures_with_each_operation():
    assert page_rows("node") == table.node_rows(ArchitectureCase.of(model_type).nodes() for model_type in MODEL_TYPES)


def test_quantised_model_is_refused_gradients_but_not_leave_one_out(monkeypatch):
    monkeypatch.setitem(OVERRIDES, "ibert", {"quant_mode": True})
    model = tiny_model("ibert").float()
    tokenizer = tiny_tokenizer(model)
    model.train()(**tokenizer(TEXTS[0], return_tensors="pt"))
    explainer = Explainer(model, tokenizer)
    with pytest.raises(GradexplainError, match=r"signed_gi: .* step function.* choose methods='loo'"):
        explainer(TEXTS[0], "signed_gi")
    assert explainer(TEXTS[0], "loo").scores["loo"].any()
