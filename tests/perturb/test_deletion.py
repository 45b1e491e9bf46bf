"""Deletion, compared with token ids that are cut by hand and given to the model itself."""

from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from torch import nn

from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import iterate_documents
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import GENERIC, leave_one_out, removal_curves, subset_logits
from tests.helpers.nli import nli_explainer
from tests.helpers.tiny import KINDS, TEXTS, explainer, make

CUT = Options("loo", mask="deletion")


@torch.no_grad()
def without(explain, document, removed, length=None):
    """Return the logits of the model on the tokens that stay, padded to a length if one is given."""
    kept = [t for t in range(len(document)) if document.unit_of[t] not in removed]
    inputs = {name: x[kept] for name, x in document.inputs.items()}
    if not kept and length is None:
        inputs = explain.encode([""], CUT)[0].inputs
    if length is not None:
        lists = {name: x.tolist() for name, x in inputs.items()}
        inputs = explain.tokenizer.pad(lists, padding="max_length", max_length=length)
    return explain.model(**{name: torch.as_tensor(np.asarray(x))[None] for name, x in inputs.items()}).logits[0]


def passes(explain, texts, options=CUT):
    """Yield the documents of each batch and its forward pass."""
    for scored in explain.score(explain.encode(texts, options), options):
        with frozen_eval_mode(explain.model):
            yield scored.forward.batch.documents, scored.forward


@pytest.mark.parametrize(("kind", "unit"), [*((kind, "word_type") for kind in KINDS), ("bert", "token")])
def test_each_unit_is_cut_out_and_the_rest_closes_up(kind, unit):
    explain, options = explainer(kind), Options("loo", unit, mask="deletion")
    for documents, forward in passes(explain, TEXTS, options):
        logits = leave_one_out(forward)
        for b, document in enumerate(documents):
            for u in range(document.n_units):
                torch.testing.assert_close(logits[b, u], without(explain, document, {u}), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_any_set_is_cut_out_also_all_units(kind, ranks_of):
    rng, explain = np.random.default_rng(0), explainer(kind)
    for documents, forward in passes(explain, TEXTS[:4]):
        ranks = ranks_of(rng, 2, forward)
        curves = removal_curves(forward, ranks)
        sets = torch.from_numpy(rng.random((len(documents), 5, forward.batch.units.size)) < 0.5)
        sets &= forward.batch.units.real.unsqueeze(1)
        for b, document in enumerate(documents):
            for order, k in ((o, k) for o in range(2) for k in range(document.n_units + 1)):
                removed = {u for u in range(document.n_units) if ranks[order, b, u] < k}
                expected = without(explain, document, removed)
                torch.testing.assert_close(curves[order, b, k], expected, rtol=0, atol=1e-12)
            expected = torch.stack([without(explain, document, set(s.nonzero()[:, 0].tolist())) for s in sets[b]])
            logits = subset_logits(forward, torch.full((5,), b), sets[b])
            torch.testing.assert_close(logits, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "bilstm"])
def test_a_text_alone_and_on_the_other_side_of_its_padding_is_the_same(kind):
    model, tokenizer = make(kind)
    tokenizer.padding_side = "left"
    together = Explainer(model, tokenizer)(list(TEXTS), "loo", mask="deletion")
    for text, explanation in zip(TEXTS, together, strict=True):
        alone = explainer(kind)(text, "loo", mask="deletion", self_check=False)
        np.testing.assert_allclose(explanation["loo"], alone["loo"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", ["bart", "fasttext"])
def test_texts_that_are_read_at_one_length_are_padded_to_it_again(kind, side):
    explain = explainer(kind)
    kwargs = {"padding": "max_length", "max_length": 30, "padding_side": side, "return_attention_mask": False}
    options = Options("loo", "word", mask="deletion", tokenizer_kwargs=kwargs)
    for (document,), forward in passes(explain, TEXTS[:1], options):
        real = np.flatnonzero(document.inputs["input_ids"] != explain.tokenizer.pad_token_id)
        begins = {"left": real[0] > 0, "right": real[0] == 0}
        assert len(document) == 30
        assert begins[side]
        ranks = torch.arange(document.n_units)[None, None]
        curve = removal_curves(forward, ranks)[0, 0]
        for k, logits in enumerate(curve):
            kept = [t for t in real if document.unit_of[t] not in range(k)]
            ids = [explain.tokenizer.pad_token_id] * 30
            ids[slice(30 - len(kept), 30) if side == "left" else slice(len(kept))] = document.inputs["input_ids"][kept]
            expected = explain.model(input_ids=torch.tensor([ids])).logits[0]
            torch.testing.assert_close(logits, expected, rtol=0, atol=1e-12)


def test_every_input_of_a_pair_is_cut():
    model, tokenizer = make("bert")
    tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    explain = Explainer(model, tokenizer)
    pairs = [("the film is good", "not bad at all"), ("bad", "the end is the worst"), ("", "good music")]
    for documents, forward in passes(explain, pairs):
        logits = leave_one_out(forward)
        assert forward.batch.inputs.keys() == {"input_ids", "token_type_ids", "attention_mask"}
        for b, document in enumerate(documents):
            assert document.inputs["token_type_ids"].any()
            for u in range(document.n_units):
                torch.testing.assert_close(logits[b, u], without(explain, document, {u}), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["bert", "bart"])
def test_a_unit_is_cut_out_of_every_window_and_the_windows_stay(kind):
    explain = explainer(kind)
    options = Options("loo", mask="deletion", stride=4, tokenizer_kwargs={"max_length": 14})
    text = "the music of this film is good , not bad : a word about all"
    for (document,), forward in passes(explain, [text], options):
        ranks = torch.arange(document.n_units)[None, None]
        curve = removal_curves(forward, ranks)[0, 0]
        assert len(document.sequences) > 2
        for k, logits in enumerate(curve):
            each = [without(explain, part_of(document, part), set(range(k))) for part in document.sequences]
            torch.testing.assert_close(logits, torch.stack(each).mean(0), rtol=0, atol=1e-12)


def part_of(document, part):
    """Return a window as a document of its own."""
    inputs = {name: x[part] for name, x in document.inputs.items()}
    return replace(document, inputs=inputs, unit_of=document.unit_of[part], sequence_of=None)


@torch.no_grad()
def test_a_word_is_cut_out_of_the_text_before_every_label():
    text, labels = "the film is good , the music is bad", ["good", "a bad film"]
    explain = nli_explainer("bart")
    found = explain(text, labels, methods="loo", mask="deletion", self_check=False)
    pairs = [explain.tokenizer(text, f"This example is {label}.", return_offsets_mapping=True) for label in labels]

    def loss(a=0, b=0):
        entailment = []
        for pair in pairs:
            of_text = zip(pair.sequence_ids(), pair["offset_mapping"], strict=True)
            kept = [t for t, (i, (start, end)) in enumerate(of_text) if i != 0 or not (start < b and end > a)]
            entailment.append(explain.model(torch.tensor([pair["input_ids"]])[:, kept]).logits[0, 2])
        return -torch.stack(entailment).log_softmax(0)[found.target].item()

    words = [unit.spans[0] for unit in found.units if unit.spans[0][1] <= len(text)]
    assert len(words) == len(text.split())
    scores = [loss(a, b) - loss() for a, b in words]
    np.testing.assert_allclose(found["loo"][: len(words)], scores, rtol=0, atol=1e-12)


def test_texts_with_different_numbers_of_end_tokens_share_no_pass():
    """BART refuses batches in which they differ, and a text may hold the token as a word."""
    explain = explainer("bart")
    for (document,), forward in passes(explain, ["the film </s> is good </s> not bad"]):
        logits = leave_one_out(forward)
        assert document.n_units > 6
        for u in range(document.n_units):
            torch.testing.assert_close(logits[0, u], without(explain, document, {u}), rtol=0, atol=1e-12)


class Recorded(nn.Module):
    """A model that remembers the shapes and the padding of its inputs, and reads no text of fewer than `least` tokens.

    Padding changes its results if it is longer than 50 tokens. Of padding alone they are NaN if asked.
    """

    def __init__(self, inner, least=0, *, nan=False):
        super().__init__()
        self.inner, self.least, self.nan, self.seen = inner, least, nan, []
        self.config = inner.config

    def get_input_embeddings(self):
        return self.inner.get_input_embeddings()

    def forward(self, input_ids, attention_mask):
        if input_ids.shape[1] < self.least:
            raise ValueError(f"needs {self.least} tokens")
        self.seen.append(attention_mask)
        output = self.inner(input_ids, attention_mask)
        output.logits = output.logits + (attention_mask == 0).sum(1, keepdim=True) * (input_ids.shape[1] > 50)
        if self.nan:
            output.logits = output.logits.where(attention_mask.any(1, keepdim=True), torch.nan)
        return output


def test_copies_share_a_pass_only_where_padding_is_safe():
    model, tokenizer = make("fasttext")
    recorded = Recorded(model)
    explain, text = Explainer(recorded, tokenizer), " ".join(["the good film is bad"] * 12)
    for (document,), forward in passes(explain, [text]):
        recorded.seen.clear()
        curve = removal_curves(forward, torch.arange(document.n_units)[None, None])[0, 0]
    assert forward.classifier.padded_up_to == 45 < 50 < len(document)
    for k, logits in enumerate(curve):
        expected = without(explainer("fasttext"), document, set(range(k)))
        torch.testing.assert_close(logits, expected, rtol=0, atol=1e-12)
    assert all((mask == 1).all() for mask in recorded.seen if mask.shape[1] > 45)
    assert sum((mask == 0).any() for mask in recorded.seen) > 1


def test_one_long_text_is_enough_to_try_its_padding():
    explain, text = explainer("fasttext"), " ".join(["the good film is bad"] * 20)
    for _, forward in passes(explain, [text]):
        assert forward.classifier.padded_up_to == 100


def test_a_model_that_cannot_read_what_is_left_says_so():
    model, tokenizer = make("fasttext")
    explain = Explainer(Recorded(model, least=2), tokenizer)
    assert explain("bad film", "loo", self_check=False)["loo"].any()
    message = (
        r"mask='deletion': the model cannot read what is left of a text, 1 token \(ValueError: needs 2 tokens\): "
        "choose mask='baseline', which keeps the text's length"
    )
    with pytest.raises(GradexplainError, match=message):
        explain("bad film", "loo", mask="deletion")


def test_a_model_that_gives_no_number_without_tokens_says_so():
    model, tokenizer = make("fasttext")
    explain = Explainer(Recorded(model, nan=True), tokenizer)
    assert explain("bad film", "loo", mask="deletion", self_check=False)["loo"].any()
    message = (
        "mask='deletion': no token is left of a text, and the model gives no finite numbers for an empty text: choo"
    )
    with pytest.raises(GradexplainError, match=message):
        explain("bad", "loo", mask="deletion")


def test_gradients_and_completeness_stay_and_the_mask_is_written_down():
    text, methods = "the good film is not bad", ["signed_gi", "integrated_gradients", "attn_lrp", "loo"]
    by = {mask: explainer("bert")(text, methods, mask=mask, steps=4) for mask in ("baseline", "deletion")}
    cut, masked = by["deletion"], by["baseline"]
    for method in methods[:3]:
        np.testing.assert_array_equal(cut[method], masked[method])
    assert not np.allclose(cut["loo"], masked["loo"], rtol=1e-3)
    assert cut.self_check["attn_lrp"].without != masked.self_check["attn_lrp"].without
    assert cut.completeness == masked.completeness
    assert (cut.mask, masked.mask) == ("deletion", "baseline")
    assert cut.baselines == {**masked.baselines, "loo": "deletion"}
    assert Explanation.from_dict(cut.to_dict()).mask == "deletion"
    assert "objective loss · mask deletion" in cut.to_html()
    assert "mask" not in masked.to_html().partition("objective loss")[2][:30]
    record = masked.to_dict()
    del record["mask"]
    assert Explanation.from_dict(record).mask == "baseline"


def test_the_closed_form_of_shapley_values_is_not_used():
    """A mean over fewer words is no sum over words: the values come from all sets of the words."""
    text = "the bad film"
    explain = explainer("fasttext")
    for (document,), forward in passes(explain, [text], replace(CUT, objective="logit")):
        target = int(forward.batch.target)
        value = {
            s: without(explain, document, set(s))[target].item() for r in range(4) for s in combinations(range(3), r)
        }
    expected = [0.0] * 3
    for order in permutations(range(3)):
        for k, u in enumerate(order):
            before, after = tuple(sorted(order[:k])), tuple(sorted(order[: k + 1]))
            expected[u] += (value[before] - value[after]) / 6
    found = explain(text, "shapley", objective="logit", mask="deletion", self_check=False)
    np.testing.assert_allclose(found["shapley"], expected, rtol=0, atol=1e-12)


def test_a_model_class_with_a_shortcut_runs_its_copies_without_a_warning():
    model, tokenizer = make("fasttext")
    model.classifier.register_forward_hook(lambda *_: None)
    explain = Explainer(model, tokenizer)
    with pytest.warns(UserWarning, match="leave-one-out runs one masked copy"):
        explain("bad film", "loo", self_check=False)
    explain("bad film", "loo", mask="deletion", self_check=False)
    assert explain.shortcut(CUT) is GENERIC
    assert explainer("fasttext").shortcut(CUT) is GENERIC


def test_curves_and_bounds_of_an_evaluation_cut_words_out():
    explain, texts = explainer("bert"), ["the good film is bad", "not one good word"]
    evaluation = explain.evaluate(
        texts, methods=["loo"], unit="word", target=0, mask="deletion", naopc=True, random_orders=2
    )
    assert evaluation.run.facts["Mask"] == "deletion"
    assert evaluation.run.facts["Baseline"] == "zero"
    for each, text in zip(iterate_documents(evaluation.documents), texts, strict=True):
        (document,) = explain.encode([text], CUT)
        f = {  # the probability without each set
            s: without(explain, document, set(s)).softmax(0)[0].item()
            for r in range(document.n_units + 1) for s in combinations(range(document.n_units), r)
        }  # fmt: skip
        order = np.argsort(-each.explanation["loo"], kind="stable").tolist()
        curve = [f[tuple(sorted(order[:k]))] for k in range(document.n_units + 1)]
        np.testing.assert_allclose(each.curves["loo"], curve, rtol=0, atol=1e-12)
        areas = [
            np.mean([f[()] - f[tuple(sorted(some[:k]))] for k in range(document.n_units + 1)])
            for some in permutations(range(document.n_units))
        ]
        assert each.bounds["upper"] == pytest.approx(max(areas), abs=1e-12)
        assert each.bounds["lower"] == pytest.approx(min(areas), abs=1e-12)
        assert each.explanation.mask == "deletion"
