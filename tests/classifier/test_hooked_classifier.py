"""Tests of `HookedClassifier`: running a model with word vectors edited, masked, or looked up only."""

from copy import deepcopy
from dataclasses import MISSING, fields, replace

import pytest
import torch

from hf_gradexplain.attribution.baseline import baseline_vectors
from hf_gradexplain.classifier.copies import Copies
from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.text.collate import collate
from hf_gradexplain.text.encode import Encoder
from tests.helpers.rearranging import LONG, Rearranging, two_halves
from tests.helpers.tiny import KINDS, TEXTS, explainer, make
from tests.helpers.toys import TEXT, TOKENIZER, Toy

BASELINES = ("zero", "pad", "unk", "mean")


def classifier_of(explain, objective="logit"):
    return explain.profile.classifier(explain.model, Objective(objective, "softmax"), 64)


def batch_of(explain, texts, unit="token"):
    documents = Encoder(explain.tokenizer, explain.profile.max_length, unit)(texts)
    return collate(documents, [None] * len(texts), explain.tokenizer)


def table_of(model):
    return model.get_input_embeddings().weight.detach()


@pytest.mark.parametrize("kind", KINDS)
def test_a_forward_pass_does_not_change_the_logits(kind):
    explain = explainer(kind)
    batch = batch_of(explain, [TEXTS[0]])
    with frozen_eval_mode(explain.model):
        plain = explain.model(**batch.inputs).logits
        for graph in (False, True):
            forward = classifier_of(explain).forward(batch, graph=graph)
            assert torch.equal(forward.logits, plain)
            assert forward.batch.target.tolist() == plain.argmax(-1).tolist()
            assert forward.logits.requires_grad == graph


@pytest.mark.parametrize("kind", KINDS)
def test_word_vectors_are_rows_of_the_table_and_the_forward_pass_stops_early(kind):
    explain = explainer(kind)
    batch, finished = batch_of(explain, [TEXTS[0]]), []
    handle = explain.model.register_forward_hook(lambda *_: finished.append(1))
    with frozen_eval_mode(explain.model):
        (vectors,) = classifier_of(explain).word_vectors(batch.inputs)
    handle.remove()
    scale = getattr(getattr(explain.model.config, "scale_embedding", None), "real", 1) or 1
    assert torch.equal(vectors, scale * table_of(explain.model)[batch.inputs["input_ids"]])
    assert not finished


def test_copies_of_different_lengths_share_a_pass_up_to_the_padding_that_is_safe():
    explain = explainer("bert")
    classifier = replace(classifier_of(explain), padded_up_to=5, batch_tokens=1000)
    copies = Copies(torch.tensor([7, 5, 4, 6, 7, 4]), kinds=["a", "a", "a", "a", "a", "b"])
    passes = classifier.in_passes(batch_of(explain, [TEXTS[0]]), lambda rows: None, graph=False, copies=copies)
    assert [rows.tolist() for rows, _ in passes] == [[0, 4], [2, 1], [3], [5]]


class TwoTables(torch.nn.Module):
    """Looks each token up in two tables."""

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Embedding(len(TOKENIZER), 3), torch.nn.Embedding(len(TOKENIZER), 5)
        self.head = torch.nn.Linear(8, 2)

    def forward(self, input_ids, **inputs):
        return self.head(torch.cat([self.first(input_ids), self.second(input_ids)], -1).sum(1))


def test_word_vectors_of_several_tables_are_all_looked_up_before_the_forward_pass_stops():
    explain, finished = Explainer(TwoTables(), TOKENIZER), []
    batch = batch_of(explain, [TEXT])
    explain.model.register_forward_hook(lambda *_: finished.append(1))
    with frozen_eval_mode(explain.model):
        vectors = classifier_of(explain).word_vectors(batch.inputs)
    ids = batch.inputs["input_ids"]
    assert [x.tolist() for x in vectors] == [x(ids).tolist() for x in (explain.model.first, explain.model.second)]
    assert not finished


def test_word_vectors_of_a_text_that_is_read_in_parts_are_those_of_all_parts():
    explain, finished = Explainer(Rearranging(two_halves), TOKENIZER), []
    batch = batch_of(explain, [" ".join(["the film is thoughtful"] * LONG)])
    explain.model.register_forward_hook(lambda *_: finished.append(1))
    classifier = classifier_of(explain)
    with frozen_eval_mode(explain.model):
        (vectors,) = classifier.word_vectors(batch.inputs)
        assert torch.equal(vectors, explain.model.words(batch.inputs["input_ids"]))
        finished.clear()
        (vectors,) = classifier.word_vectors(batch.inputs)  # the places of the words are known now
    assert torch.equal(vectors, explain.model.words(batch.inputs["input_ids"]))
    assert not finished


@pytest.mark.parametrize("kind", ["bert", "gpt2", "bart"])
@pytest.mark.parametrize("baseline", BASELINES)
def test_masking_replaces_a_words_vector_by_the_baseline(kind, baseline):
    """The word's row is overwritten, in a copy of the model without hooks."""
    model, tokenizer = make(kind)
    if getattr(tokenizer, f"{baseline}_token_id", 0) is None:
        tokenizer.add_special_tokens({f"{baseline}_token": tokenizer.convert_ids_to_tokens(5)})
    explain = Explainer(model, tokenizer)
    explanation = explain("the end is bad", "loo", "word_type", 1, objective="logit", baseline=baseline)
    table, ids = model.get_input_embeddings().weight, tokenizer("the end is bad").input_ids
    plain = model(input_ids=torch.tensor([ids])).logits[0, 1].item()
    (document,) = Encoder(tokenizer, None, "word_type")(["the end is bad"])
    for u, score in enumerate(explanation.scores["loo"]):
        rows = [ids[t] for t in (document.unit_of == u).nonzero()[0]]
        before = table.detach().clone()
        with torch.no_grad():
            table[rows] = expected_baseline(table, tokenizer, baseline)
            without = model(input_ids=torch.tensor([ids])).logits[0, 1].item()
            table.copy_(before)
        assert score == pytest.approx(plain - without, rel=1e-9)


def expected_baseline(table, tokenizer, name):
    if name == "zero":
        return torch.zeros_like(table[0])
    if name == "mean":
        ordinary = [i for i in range(len(tokenizer)) if i not in tokenizer.all_special_ids]
        return table[ordinary].mean(0)
    return table[getattr(tokenizer, f"{name}_token_id")].clone()


@pytest.mark.parametrize("baseline", BASELINES)
def test_signed_gi_from_a_baseline_is_exact_where_the_model_is_linear(baseline):
    """FastText's logit is linear in every word vector, so its gradient gives the effect of leaving a word out."""
    for text in TEXTS:
        explanation = explainer("fasttext")(text, ("signed_gi", "loo"), objective="logit", baseline=baseline)
        expected = explanation.scores["loo"].tolist()
        assert explanation.scores["signed_gi"].tolist() == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_a_baseline_without_its_token_in_the_tokenizer_is_an_error():
    with pytest.raises(GradexplainError, match="no pad token: choose baseline='mean', which needs no token"):
        explainer("gpt2")("the end", baseline="pad")
    with pytest.raises(GradexplainError, match=r"unknown baseline 'means': did you mean 'mean'\?"):
        explainer("bert")("the end", baseline="means")


def test_the_mean_is_over_the_words_that_the_model_has_rows_for():
    model, tokenizer = make("fasttext")
    tokenizer.add_tokens(["a", "few", "more", "words"])
    explain = Explainer(model, tokenizer)
    with frozen_eval_mode(model):
        (mean,) = baseline_vectors(classifier_of(explain), tokenizer, "mean")
    torch.testing.assert_close(mean, table_of(model)[2:].mean(0))


def mean_of(explain, budget=64):
    with frozen_eval_mode(explain.model):
        return baseline_vectors(replace(classifier_of(explain), batch_tokens=budget), explain.tokenizer, "mean")[0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_the_mean_is_summed_in_float64(dtype):
    """The sum of these vectors overflows in float16."""
    model, tokenizer = make("fasttext", dtype=dtype)
    model.embedding.weight.data.normal_(4000, 10)
    mean = mean_of(Explainer(model, tokenizer))
    assert torch.equal(mean, table_of(model)[2:].double().mean(0).to(dtype))


@pytest.mark.parametrize("kind", ["fasttext", "bert", "bart"])
@pytest.mark.parametrize("budget", [1, 200, 100_000])
def test_the_mean_takes_few_passes_and_none_until_the_weights_change(kind, budget, monkeypatch):
    model, tokenizer = make(kind)
    explain, passes, look_up = Explainer(model, tokenizer), [], HookedClassifier.word_vectors
    monkeypatch.setattr(HookedClassifier, "word_vectors", lambda self, x: passes.append(1) or look_up(self, x))
    monkeypatch.setattr("hf_gradexplain.attribution.baseline._CHUNK", 8)
    words = [i for i in range(len(tokenizer)) if i not in tokenizer.all_special_ids]
    documents = -(-len(words) // 8)
    for change in (lambda table: None, lambda table: table[words[-1]].add_(1), lambda table: table.data.mul_(2)):
        with torch.no_grad():
            change(model.get_input_embeddings().weight)
        passes.clear()
        for _ in range(2):
            torch.testing.assert_close(mean_of(explain, budget), table_of(model)[words].mean(0))
        assert len(passes) == 1 + -(-(documents - 1) // max(1, budget // 8))


def test_the_mean_does_not_depend_on_the_token_budget(monkeypatch):
    monkeypatch.setattr("hf_gradexplain.attribution.baseline._CHUNK", 8)
    for kind in ("fasttext", "gpt2"):
        model, tokenizer = make(kind)
        means = [mean_of(Explainer(deepcopy(model), tokenizer), budget) for budget in (1, 50, 100_000)]
        assert all(torch.equal(mean, means[0]) for mean in means)


def test_the_mean_is_of_the_tokenizers_words_and_in_the_models_dtype():
    explain = Explainer(*make("fasttext"))
    explain.model.embedding.weight.data.round_()
    before = mean_of(explain)
    assert mean_of(Explainer(explain.model.float(), explain.tokenizer)).dtype == torch.float32
    explain.tokenizer.add_special_tokens({"additional_special_tokens": ["the"]})
    assert not torch.allclose(mean_of(explain).double(), before)


def test_a_model_that_hashes_at_random_gives_the_same_result_at_every_pass():
    def mix(vectors):
        return torch.tanh(vectors @ torch.randn(6, 6, dtype=torch.float64))

    explain = Explainer(Toy(mix=mix), TOKENIZER)
    first, second = (explain(TEXT, ("signed_gi", "loo")) for _ in range(2))
    assert all((first.scores[method] == second.scores[method]).all() for method in first.scores)
    assert explain([TEXT, "the film"], "loo")[0].scores["loo"] == pytest.approx(first.scores["loo"], rel=1e-12)


def test_a_model_that_switches_permanently_at_a_short_text_is_restored_before_each_pass():
    class Switching(Toy):
        full = False

        def forward(self, input_ids, attention_mask, token_type_ids=None):
            self.full = self.full or input_ids.shape[1] < 14
            output = super().forward(input_ids, attention_mask)
            output.logits = output.logits * (2 if self.full else 1)
            return output

    explain = Explainer(Switching(), TOKENIZER)
    long = " ".join([TEXT] * 3)
    assert explain(long, "loo").scores["loo"] == pytest.approx(explain(["the film", long], "loo")[1].scores["loo"])
    assert not explain.model.full


def test_what_can_be_left_out_is_given_by_name_and_is_off():
    named = {field.name: field.default for field in fields(HookedClassifier) if field.kw_only}
    assert [field.name for field in fields(HookedClassifier) if not field.kw_only] == [
        "model", "lookups", "objective", "batch_tokens",
    ]  # fmt: skip
    assert {name: value for name, value in named.items() if value is not None} == {
        "followed_functions": frozenset(),
        "mixed_precision": False,
        "for_propagation": False,
        "records_inputs": False,
        "compiled": MISSING,
        "places": MISSING,
        "shares_prefixes": False,
        "padded_up_to": 0,
    }
    assert len(named) == 15
