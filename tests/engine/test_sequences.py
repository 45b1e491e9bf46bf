"""Texts that are read as several sequences, against the model run on each sequence by itself."""

import weakref
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from hf_gradexplain import Explainer
from hf_gradexplain.attribution.averaged_gradients import SmoothGrad
from hf_gradexplain.attribution.prepare import Outputs
from hf_gradexplain.classifier.combine import OnePerSequence, Pool
from hf_gradexplain.classifier.memory import token_limit
from hf_gradexplain.engine.scored import collect
from hf_gradexplain.options import Options
from hf_gradexplain.text.joined import Piece, join
from tests.helpers.tiny import explainer

PARTS = ("the film is good , very good", "the film is bad", "a boring actor")
"""The sequences of a text. The first two share their first three words."""

TEXT = "the film is good , very good bad a boring actor"
PIECES = ([Piece(0, 28, 0)], [Piece(0, 12, 0), Piece(12, 15, 29)], [Piece(0, 14, 33)])

COMBINED = {
    "mean": (Pool("mean"), lambda logits: logits.mean(0)),
    "max": (Pool("max"), lambda logits: logits.max(0).values),
    "classes": (OnePerSequence((1.0, -0.5, 0.0)), lambda logits: logits[:, 0] - 0.5 * logits[:, 1]),
}
KINDS = ("bert", "gpt2", "bart")


class Naive:
    """The model with an embedding table of its own for each sequence: a word's rows can be masked everywhere."""

    def __init__(self, explain, combine):
        self.model, self.tokenizer, self.combine = explain.model, explain.tokenizer, combine
        self.tables = [explain.model.get_input_embeddings().weight.detach().clone() for _ in PARTS]

    def tokens(self, part, start, end):
        """The tokens of a sequence that lie in a span of the whole text."""
        encoded = self.tokenizer(PARTS[part], return_offsets_mapping=True, return_special_tokens_mask=True)
        found = []
        text, special = PARTS[part], encoded["special_tokens_mask"]
        for t, (a, _) in enumerate(encoded["offset_mapping"]):
            first = len(text) - len(text[a:].lstrip())  # a blank belongs to the word behind it
            for piece in PIECES[part]:
                if (
                    not special[t]
                    and piece.start <= first < piece.end
                    and start <= first - piece.start + piece.at < end
                ):
                    found.append(t)
        return found

    def run(self, removed=()):
        """The combined logits, and the word vectors of each sequence, without some spans of the text."""
        vectors, logits = [], []
        for part, text in enumerate(PARTS):
            inputs = self.tokenizer(text, return_tensors="pt")
            masked = [t for start, end in removed for t in self.tokens(part, start, end)]
            deltas = torch.zeros(inputs["input_ids"].shape[1], self.tables[part].shape[1], dtype=torch.float64)
            deltas.requires_grad_()
            logits.append(_logits(self.model, inputs, deltas, masked))
            vectors.append((self.tables[part][inputs["input_ids"][0]], deltas))
        return self.combine(torch.stack(logits)), vectors


def _logits(model, inputs, deltas, masked):
    """The logits with deltas added to the word vectors, and masked ones set to zero, in each lookup of the words."""

    def hook(module, args, output):
        ids = args[0][0].tolist()
        first = ids.index(int(inputs["input_ids"][0, 0]))
        own = torch.zeros_like(output[0])
        keep = torch.ones(len(ids), 1, dtype=output.dtype)
        for t in range(len(ids) - first):
            own = own + torch.outer((torch.arange(len(ids)) == first + t).to(output.dtype), deltas[t])
            keep[first + t] = 0.0 if t in masked else 1.0
        return (output + own) * keep

    table = model.get_input_embeddings().weight
    words = [m for m in model.modules() if isinstance(m, nn.Embedding) and torch.equal(m.weight, table)]
    handles = [module.register_forward_hook(hook) for module in words]
    try:
        return model(**inputs).logits[0]
    finally:
        for handle in handles:
            handle.remove()


def document_of(explain, unit="word"):
    encoded = explain.encode(list(PARTS), Options(unit="token" if unit == "token" else "word"))
    return join(TEXT, encoded, PIECES, types=unit == "word_type", unknown=explain.tokenizer.unk_token_id)


def explained(explain, how, methods, **options):
    outputs = _outputs(explain, how)
    unit = options.pop("unit", "word")
    documents = [document_of(explain, unit)]
    (found,) = collect(explain.score(documents, Options(methods, unit, **options), 0, outputs))
    return found


@pytest.fixture(params=KINDS)
def explain(request):
    return explainer(request.param, dtype=torch.float64)


def test_units_span_sequences():
    document = document_of(explainer("bert"))
    assert [unit.text for unit in document.units] == TEXT.split()
    assert [TEXT[slice(*unit.spans[0])] for unit in document.units] == TEXT.split()
    film = document.sequence_of[document.unit_of == 1]
    assert sorted(set(film.tolist())) == [0, 1]
    kinds = document_of(explainer("bert"), "word_type")
    assert [unit.text for unit in kinds.units] == list(dict.fromkeys(TEXT.split()))
    assert len(kinds.units[3].spans) == 2


@pytest.mark.parametrize("how", COMBINED)
def test_scores_are_those_of_the_combined_logits(explain, how):
    naive = Naive(explain, COMBINED[how][1])
    found = explained(explain, how, ("loo", "signed_gi", "sa_l2", "sa_linf"), target="label")
    logits, vectors = naive.run()
    loss = -logits.log_softmax(-1)[0]
    assert found.probabilities == pytest.approx(logits.softmax(-1).tolist(), rel=1e-9)
    grads = torch.autograd.grad(loss, [deltas for _, deltas in vectors])
    for u, unit in enumerate(found.units):
        (span,) = unit.spans
        without = -naive.run([span])[0].log_softmax(-1)[0]
        assert found["loo"][u] == pytest.approx((without - loss).item(), rel=1e-6, abs=1e-10)
        product, by_id = 0.0, {}
        for part, ((e, _), g) in enumerate(zip(vectors, grads, strict=True)):
            ids = naive.tokenizer(PARTS[part])["input_ids"]
            for t in naive.tokens(part, *span):
                product -= float(e[t] @ g[t])
                by_id[ids[t]] = by_id.get(ids[t], 0) + g[t]
        assert found["signed_gi"][u] == pytest.approx(product, rel=1e-6, abs=1e-10)
        rows = torch.cat(list(by_id.values()))
        assert found["sa_l2"][u] == pytest.approx(float(rows.norm()), rel=1e-6, abs=1e-10)
        assert found["sa_linf"][u] == pytest.approx(float(rows.abs().max()), rel=1e-6, abs=1e-10)


@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients should add up")  # two steps are few
@pytest.mark.parametrize("kind", ["bert", "bart"])
@pytest.mark.parametrize("how", COMBINED)
def test_passes_of_one_sequence_give_the_same(kind, how):
    """A text of many sequences runs in several passes, also backwards."""
    explain = explainer(kind, dtype=torch.float64)
    methods = ("loo", "signed_gi", "integrated_gradients", "sequential_integrated_gradients", "smoothgrad", "vargrad")
    methods, options = (*methods, "gradient_shap"), {"target": "label", "steps": 2, "max_evals": 4}
    together = explained(explain, how, methods, batch_tokens=4096, **options)
    apart = explained(explain, how, methods, batch_tokens=1, **options)
    assert token_limit(explain.model, 10**6, graph=True) == 10**6
    for method in methods:
        np.testing.assert_allclose(apart[method], together[method], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("how", COMBINED)
def test_integrated_gradients_are_complete(how):
    explain = explainer("bert", dtype=torch.float64)
    found = explained(explain, how, "integrated_gradients", target="label", steps=300)
    naive = Naive(explain, COMBINED[how][1])
    spans = [unit.spans[0] for unit in found.units]
    rise = (naive.run()[0].log_softmax(-1)[0] - naive.run(spans)[0].log_softmax(-1)[0]).item()
    close = 1e-2 if how == "max" else 1e-4  # the path crosses a kink of the maximum
    assert found["integrated_gradients"].sum() == pytest.approx(rise, rel=close, abs=1e-6)


@pytest.mark.parametrize("how", ["mean", "classes"])
def test_sequential_integrated_gradients_are_leave_one_out(how):
    """A word that stands in several sequences moves in all of them at once."""
    methods = ("sequential_integrated_gradients", "loo")
    found = explained(explainer("bert", dtype=torch.float64), how, methods, target="label", steps=40)
    np.testing.assert_allclose(found[methods[0]], found["loo"], rtol=1e-5, atol=1e-8)


def test_the_maximum_is_explained_in_its_deciding_sequence():
    explain = explainer("bert", dtype=torch.float64)
    found = explained(explain, "max", ("signed_gi", "loo"), target="label", objective="logit")
    logits = torch.stack([explain.model(**explain.tokenizer(part, return_tensors="pt")).logits[0] for part in PARTS])
    deciding = int(logits[:, 0].argmax())
    document = document_of(explain)
    stands = {u for u in document.unit_of[document.sequence_of == deciding].tolist() if u >= 0}
    assert {u for u, score in enumerate(found["signed_gi"]) if score} == stands


def test_propagation_through_the_combination(explain):
    found = explained(explain, "mean", "attn_lrp", target="label", objective="logit")
    one = [explain(part, "attn_lrp", labels=0, objective="logit") for part in PARTS]
    expected = dict.fromkeys(range(len(found.units)), 0.0)
    document = document_of(explain)
    for part, explanation in enumerate(one):
        tokens = document.unit_of[document.sequence_of == part]
        units = list(dict.fromkeys(u for u in tokens.tolist() if u >= 0))
        for u, score in zip(units, explanation["attn_lrp"], strict=True):
            expected[u] += float(score) / len(PARTS)
    np.testing.assert_allclose(found["attn_lrp"], list(expected.values()), rtol=1e-9, atol=1e-12)


def test_self_check_and_curves_see_the_combined_probability(explain):
    found = explained(explain, "mean", "loo", target="label", self_check=True)
    naive = Naive(explain, COMBINED["mean"][1])
    top = np.argsort(-found["loo"], kind="stable")[:3]
    spans = [found.units[u].spans[0] for u in top]
    expected = naive.run(spans)[0].softmax(-1)[0].item()
    assert found.self_check["loo"].without == pytest.approx(expected, rel=1e-9)


def test_sequences_that_cannot_share_a_pass_still_run_forward_once(monkeypatch):
    explain, runs = explainer("bert", dtype=torch.float64), []
    monkeypatch.setattr(explain.model, "forward", _counted(explain.model.forward, runs))
    document, outputs = document_of(explain), Outputs(Pool("mean"), explain.class_names, "softmax")
    options = Options("signed_gi", target="label", self_check=False)
    with torch.no_grad():
        collect(explain.score([document], options, 0, outputs))
        first, runs[:] = list(runs), []
        collect(explain.score([document], replace(options, batch_tokens=1), 0, outputs))
    assert sum(first) == len(PARTS), "each sequence once"
    assert sum(runs) == 2 * len(PARTS), "beyond the budget: without a graph, and with one"


def _counted(forward, runs):
    def run(*args, **kwargs):
        runs.append(len(kwargs["input_ids"]))
        return forward(*args, **kwargs)

    return run


@pytest.mark.parametrize("how", ["mean", "classes"])
def test_sequences_are_combined_in_float64(how):
    """In bfloat16 a word's effect on one of many windows would be lost."""
    explain = explainer("bert", dtype=torch.bfloat16)
    (batch,) = explain.score([document_of(explain)], Options("loo", target="label"), 0, _outputs(explain, how))
    assert batch.forward.sequence_logits.dtype == torch.bfloat16
    expected = COMBINED[how][1](batch.forward.sequence_logits.double())
    np.testing.assert_allclose(batch.forward.logits[0].numpy(), expected.numpy(), rtol=1e-12)


def _outputs(explain, how):
    return Outputs(COMBINED[how][0], ("a", "b", "c") if how == "classes" else explain.class_names, "softmax")


def test_memory_that_runs_out_is_met_by_smaller_passes(monkeypatch):
    """A single text of several sequences is not too large for memory if each sequence fits."""
    shared = explainer("bert", dtype=torch.float64)
    explain = Explainer(deepcopy(shared.model), shared.tokenizer)  # the model's budget stays lower
    expected = explained(explain, "mean", "signed_gi", target="label", self_check=False)["signed_gi"]
    forward = explain.model.forward

    def limited(*args, **kwargs):
        if torch.is_grad_enabled() and len(kwargs["input_ids"]) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return forward(*args, **kwargs)

    monkeypatch.setattr(explain.model, "forward", limited)
    found = explained(explain, "mean", "signed_gi", target="label", self_check=False)["signed_gi"]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    limits = [token_limit(explain.model, 1000, graph=graph) for graph in (True, False)]
    assert limits[0] < limits[1] == 1000, "only passes with a graph are smaller from now on"


def test_passes_without_a_graph_that_run_out_of_memory_are_smaller_from_then_on(monkeypatch):
    shared = explainer("bert", dtype=torch.float64)
    explain = Explainer(deepcopy(shared.model), shared.tokenizer)
    expected = explained(explain, "mean", "random", target="label", self_check=False).probabilities
    forward = explain.model.forward

    def limited(*args, **kwargs):
        if len(kwargs["input_ids"]) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return forward(*args, **kwargs)

    monkeypatch.setattr(explain.model, "forward", limited)
    found = explained(explain, "mean", "random", target="label", self_check=False).probabilities
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    limits = [token_limit(explain.model, 1000, graph=graph) for graph in (True, False)]
    assert limits[1] < limits[0] == 1000


def test_graphs_that_do_not_fit_into_memory_together_are_not_held(monkeypatch):
    """Each pass fits, but not the graphs of two of them; with the next text of this size it is not tried again."""
    shared = explainer("bert", dtype=torch.float64)
    explain = Explainer(deepcopy(shared.model), shared.tokenizer)
    size, options = len(document_of(explain)), {"target": "label", "self_check": False}
    expected = explained(explain, "mean", "signed_gi", **options)["signed_gi"]
    forward, held, failed, sizes = explain.model.forward, [], [], []

    def limited(*args, **kwargs):
        sizes.append(kwargs["input_ids"].numel() * torch.is_grad_enabled())
        failed.append(torch.is_grad_enabled() and any(graph() is not None for graph in held))
        if failed[-1]:
            raise torch.OutOfMemoryError("out of memory")
        output = forward(*args, **kwargs)
        held.append(weakref.ref(output.logits))
        return output

    monkeypatch.setattr(explain.model, "forward", limited)
    for failures in (1, 0):
        failed.clear()
        sizes.clear()
        found = explained(explain, "mean", "signed_gi", **options, batch_tokens=size)["signed_gi"]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        assert sum(failed) == failures
    assert 0 < max(sizes) <= size // 2 == token_limit(explain.model, 1000, graph=True)


def test_noise_is_drawn_once_for_each_copy(monkeypatch):
    explain, drawn = explainer("bert", dtype=torch.float64), []
    monkeypatch.setattr(SmoothGrad, "_draw", _recorded(SmoothGrad._draw, drawn))
    explained(explain, "mean", "smoothgrad", target="label", self_check=False, batch_tokens=1)
    assert drawn == list(range(SmoothGrad().copies))


def _recorded(draw, drawn):
    def run(self, rng, number, table, vectors):
        drawn.append(number)
        return draw(self, rng, number, table, vectors)

    return run


def test_several_texts_share_passes(explain):
    """A text of several sequences gets the scores that it gets alone."""
    outputs = Outputs(COMBINED["mean"][0], explain.class_names, "softmax")
    (single,) = explain.encode(["a good film"], Options())
    documents = [document_of(explain), single, document_of(explain), replace(single)]
    methods = ("loo", "signed_gi", "integrated_gradients", "smoothgrad")
    options = Options(methods, target="label")
    together = collect(explain.score(documents, options, 0, outputs))
    alone = [collect(explain.score([document], options, 0, outputs))[0] for document in documents[:2]]
    for i, expected in enumerate([alone[0], alone[1], alone[0], alone[1]]):
        for method in methods:
            np.testing.assert_allclose(together[i][method], expected[method], rtol=1e-9, atol=1e-12)
