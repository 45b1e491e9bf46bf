"""Zero-shot classification: probabilities against the pipeline of transformers, scores against values by hand."""

import numpy as np
import pytest
import torch
from transformers import pipeline

from hf_gradexplain import Explanation, GradexplainError, ZeroShotExplainer
from hf_gradexplain.attribution.methods import METHODS
from tests.engine.test_sequences import _logits as logits_of
from tests.helpers.nli import LABELS, NLI_KINDS, make_nli, nli_explainer
from tests.helpers.tiny import POSITIONS

TEXT = "the film is good , the music is bad"
CANDIDATES = ["good", "a bad film", "about music"]
TEMPLATE = "the film is {}."
BAD = ["bad"]
"""With the template, some tokenizers make one token of the label and the full stop."""


@pytest.fixture(params=NLI_KINDS)
def kind(request):
    return request.param


def scores_of_pipeline(explain, text, labels, **arguments):
    pipe = pipeline("zero-shot-classification", model=explain.model, tokenizer=explain.tokenizer, device="cpu")
    found = pipe(text, candidate_labels=labels, **arguments)
    return dict(zip(found["labels"], found["scores"], strict=True))


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("labels", [CANDIDATES, ["not good"], "good, a bad film"])
def test_probabilities_are_the_scores_of_the_pipeline(kind, labels, multi_label):
    explain = nli_explainer(kind)
    for text, template in [(TEXT, "This example is {}."), ("bad " * 2 * POSITIONS, "not {0} or {0}"), (" ", "{}")]:
        arguments = {"hypothesis_template": template, "multi_label": multi_label}
        expected = scores_of_pipeline(explain, text, labels, **arguments)
        found = explain(text, labels, **arguments, methods="random", self_check=False)
        assert dict(zip(found.class_names, found.probabilities, strict=True)) == pytest.approx(expected, abs=1e-6)
        assert found.class_names[found.prediction] == found.target_label == max(expected, key=expected.get)


def test_one_label_and_many_are_computed_differently():
    explain = nli_explainer("bart")
    one, many = explain(TEXT, "good", methods="random"), explain(TEXT, CANDIDATES, methods="random")
    each = explain(TEXT, CANDIDATES, multi_label=True, methods="random")
    assert 0 < one.probabilities[0] < 1
    assert one.probabilities[0] == pytest.approx(each.probabilities[0])
    assert many.probabilities.sum() == pytest.approx(1)
    assert abs(each.probabilities.sum() - 1) > 1e-3


@pytest.mark.parametrize("names", [("LABEL_0", "LABEL_1", "LABEL_2"), ("not_entailment", "neutral", "x")])
def test_without_an_entailment_label_the_last_logit_counts_as_in_the_pipeline(names):
    model, tokenizer = make_nli("xlm-r")
    model.config.label2id = {name: i for i, name in enumerate(names)}
    with pytest.warns(UserWarning, match="no label of XLMRobertaForSequenceClassification's configuration begins with"):
        explain = ZeroShotExplainer(model, tokenizer)
    for multi_label in (False, True):
        found = explain(TEXT, CANDIDATES, multi_label=multi_label, methods="random")
        expected = scores_of_pipeline(explain, TEXT, CANDIDATES, multi_label=multi_label)
        assert dict(zip(CANDIDATES, found.probabilities, strict=True)) == pytest.approx(expected, abs=1e-6)


class Naive:
    """The pairs of a text and its hypotheses, each run by itself with vectors that can be masked in all of them."""

    def __init__(self, kind, labels, multi_label):
        explain = nli_explainer(kind)
        self.model, self.tokenizer, self.labels, self.multi_label = (
            explain.model,
            explain.tokenizer,
            labels,
            multi_label,
        )
        self.entailment = [name.lower() for name in LABELS[kind]].index("entailment")
        self.contradiction = LABELS[kind].index("contradiction")
        self.table = self.model.get_input_embeddings().weight.detach()

    def tokens(self, i, span):
        """The tokens of pair `i` that have a visible character in a span of the text and the labels."""
        before, _ = TEMPLATE.split("{}")
        first = len(TEXT) + 1 + sum(len(label) + 1 for label in self.labels[:i])
        encoded = self.tokenizer(TEXT, TEMPLATE.format(self.labels[i]), return_offsets_mapping=True)
        found = []
        for t, (part, (a, b)) in enumerate(zip(encoded.sequence_ids(), encoded["offset_mapping"], strict=True)):
            whole = TEXT if part == 0 else TEMPLATE.format(self.labels[i])
            places = [k for k in range(a, b) if part is not None and not whole[k].isspace()]
            if part == 1:
                places = [k - len(before) + first for k in places if 0 <= k - len(before) < len(self.labels[i])]
            if any(span[0] <= k < span[1] for k in places):
                found.append(t)
        return found

    def run(self, *removed):
        """The log-probabilities of the labels without some spans, and the deltas and vectors of each pair."""
        logits, vectors = [], []
        for i, label in enumerate(self.labels):
            inputs = self.tokenizer(TEXT, TEMPLATE.format(label), return_tensors="pt")
            masked = [t for span in removed for t in self.tokens(i, span)]
            shape = inputs["input_ids"].shape[1], self.table.shape[1]
            deltas = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
            logits.append(logits_of(self.model, inputs, deltas, masked))
            vectors.append((self.table[inputs["input_ids"][0]], deltas))
        logits = torch.stack(logits)
        if self.multi_label or len(self.labels) == 1:
            both = logits[:, [self.contradiction, self.entailment]]
            return both.log_softmax(-1)[:, 1], vectors
        return logits[:, self.entailment].log_softmax(-1), vectors


@pytest.mark.parametrize(("labels", "multi_label"), [(CANDIDATES, False), (CANDIDATES, True), (BAD, False)])
def test_scores_are_those_computed_by_hand(kind, labels, multi_label):
    explain, naive = nli_explainer(kind), Naive(kind, labels, multi_label)
    arguments = {"multi_label": multi_label, "methods": ("loo", "signed_gi"), "baseline": "zero"}
    found = explain(TEXT, labels, TEMPLATE, target=labels[-1], **arguments)
    logs, vectors = naive.run()
    assert found.probabilities == pytest.approx(logs.exp().tolist(), rel=1e-9)
    grads = torch.autograd.grad(-logs[-1], [deltas for _, deltas in vectors], allow_unused=True)
    assert [unit.text for unit in found] == [*TEXT.split(), *" ".join(labels).split()]
    for u, unit in enumerate(found):
        (span,) = unit.spans
        loo = (logs[-1] - naive.run(span)[0][-1]).item()
        assert found["loo"][u] == pytest.approx(loo, rel=1e-6, abs=1e-10)
        product = sum(
            -float(e[t] @ g[t])
            for i, ((e, _), g) in enumerate(zip(vectors, grads, strict=True))
            for t in naive.tokens(i, span)
            if g is not None
        )
        assert found["signed_gi"][u] == pytest.approx(product, rel=1e-6, abs=1e-10)


def test_the_text_is_followed_by_the_labels(kind):
    found = nli_explainer(kind)(TEXT, CANDIDATES, methods="random")
    assert found.text == "\n".join([TEXT, *CANDIDATES])
    assert found.text[found.pair_start :] == "good\na bad film\nabout music"
    assert found.class_names == tuple(CANDIDATES)
    assert [found.text[slice(*unit.spans[0])] for unit in found] == [unit.text for unit in found]
    assert found.truncated_at is None


def test_a_candidate_may_be_named_and_compared():
    explain = nli_explainer("deberta-v2")
    by_default = explain(TEXT, CANDIDATES, methods="signed_gi")
    assert by_default.target == by_default.prediction
    named, by_id = (explain(TEXT, CANDIDATES, methods="signed_gi", target=target) for target in ("a bad film", 1))
    assert named.target == by_id.target == 1
    assert named["signed_gi"].tolist() == by_id["signed_gi"].tolist()
    there, back = (
        explain(TEXT, CANDIDATES, methods=("signed_gi", "loo"), target=a, against=b) for a, b in ((0, 2), (2, 0))
    )
    assert there.against_label == "about music"
    np.testing.assert_allclose(there["loo"], -back["loo"], atol=1e-12)
    np.testing.assert_allclose(there["signed_gi"], -back["signed_gi"], atol=1e-12)


def test_all_candidates_at_once():
    explain, methods = nli_explainer("bart"), ("loo", "signed_gi")
    of_all = explain(TEXT, CANDIDATES, methods=methods, target="all").by_class()
    assert sorted(of_all) == sorted(CANDIDATES)
    for name, each in of_all.items():
        expected = explain(TEXT, CANDIDATES, methods=methods, target=name)
        for method in methods:
            np.testing.assert_allclose(each[method], expected[method], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("multi_label", [False, True])
def test_all_methods_and_the_self_check(multi_label):
    explain = nli_explainer("xlm-r")
    arguments = {"multi_label": multi_label, "target": 1}
    found = explain(TEXT, CANDIDATES, methods=tuple(METHODS), max_evals=30, **arguments)
    assert all(np.isfinite(scores).all() and len(scores) == len(found) for scores in found.scores.values())
    assert abs(found.completeness["integrated_gradients"]) < 0.01
    assert found.self_check["loo"].full == pytest.approx(found.probabilities[1])
    logit = explain(TEXT, CANDIDATES, methods="attn_lrp", objective="logit", self_check=False, **arguments)
    first = len(TEXT.split())
    others = [
        u
        for u, unit in enumerate(logit)
        if unit.spans[0][0] >= found.pair_start and u not in range(first + 1, first + 4)
    ]
    assert [logit["attn_lrp"][u] for u in others] == [0] * len(others)
    assert logit["attn_lrp"][first + 1 : first + 4].all()


def test_several_texts_get_the_scores_of_each_alone(kind):
    explain, texts = nli_explainer(kind), [TEXT, "bad", "", "the " * 2 * POSITIONS]
    together = explain(texts, CANDIDATES, methods=("loo", "signed_gi"))
    assert [each.text.split("\n")[0] for each in together] == texts
    for text, each in zip(texts, together, strict=True):
        alone = explain(text, CANDIDATES, methods=("loo", "signed_gi"), self_check=False)
        for method in ("loo", "signed_gi"):
            np.testing.assert_allclose(each[method], alone[method], rtol=1e-9, atol=1e-12)
    assert [each.truncated_at is None for each in together] == [True, True, True, False]
    cut = together[3]
    assert cut.unread == ((cut.truncated_at, len(texts[3])),)
    assert Explanation.from_dict(cut.to_dict()) == cut
    page = str(cut.to_html())
    assert f"NOT READ: characters {cut.truncated_at} to {len(texts[3])} of {len(cut.text)} (" in page
    assert "stride" not in page


def test_a_pipeline_brings_its_arguments():
    model, tokenizer = make_nli("bart")
    pipe = pipeline(
        "zero-shot-classification", model=model, tokenizer=tokenizer, hypothesis_template=TEMPLATE, multi_label=True
    )
    explain = ZeroShotExplainer(pipe)
    expected = explain(TEXT, CANDIDATES, TEMPLATE, multi_label=True, methods="random")
    assert explain(TEXT, CANDIDATES, methods="random").probabilities.tolist() == expected.probabilities.tolist()
    plain = explain(TEXT, CANDIDATES, "This example is {}.", multi_label=False, methods="random")
    np.testing.assert_allclose(
        plain.probabilities, nli_explainer("bart")(TEXT, CANDIDATES, methods="random").probabilities
    )


def test_a_model_is_loaded_by_name(tmp_path):
    for part in make_nli("bart"):
        part.save_pretrained(tmp_path)
    explain = ZeroShotExplainer.from_pretrained(str(tmp_path), dtype="float64")
    expected = nli_explainer("bart")(TEXT, CANDIDATES, methods="random")
    assert explain(TEXT, CANDIDATES, methods="random").probabilities == pytest.approx(expected.probabilities)
    assert explain.provenances["model"].name == str(tmp_path)
    assert repr(explain) == "ZeroShotExplainer of BartForSequenceClassification on cpu"


TAKES_TEXTS = "zero-shot classification takes texts, neither pairs nor conversations: give a str, not "


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": ("a", "b")}, TAKES_TEXTS + "a pair"),
        ({"texts": ("a", "b", "c")}, TAKES_TEXTS + "tuple"),
        ({"texts": {"text": "a", "text_pair": "b"}}, TAKES_TEXTS + "a pair"),
        ({"texts": [{"role": "user", "content": "good"}]}, TAKES_TEXTS + "list"),
        ({"texts": [TEXT, ("a", "b")]}, "text 1: " + TAKES_TEXTS + "a pair"),
        ({"texts": [3]}, "text 0: " + TAKES_TEXTS + "int"),
        ({"candidate_labels": []}, "candidate_labels must have at least one label, but there are none"),
        (
            {"problem_type": "regression"},
            "problem_type does not fit zero-shot classification: give multi_label instead",
        ),
        (
            {"explain_roles": ("user",)},
            "explain_roles does not fit zero-shot classification: it has no conversations",
        ),
        ({"target": "label"}, "target='label' does not fit zero-shot classification: name a candidate label"),
        ({"stride": 8}, "stride does not fit zero-shot classification: long texts are truncated, as in the pipeline"),
        ({"stride": 0}, "stride does not fit zero-shot classification: long texts are truncated, as in the pipeline"),
        (
            {"stride": 0, "pool": "max"},
            "stride does not fit zero-shot classification: long texts are truncated, as in the pipeline",
        ),
        ({"units": "word"}, "unknown option 'units'"),
        ({"candidate_labels": "good", "against": "rest"}, "against compares two classes"),
        (
            {"candidate_labels": ["bad " * POSITIONS]},
            "a hypothesis leaves no room for the text: the model reads 62 tokens, so give shorter candidate labels",
        ),
    ],
)
def test_what_cannot_be_explained_is_refused(arguments, message):
    with pytest.raises(GradexplainError) as error:
        nli_explainer("xlm-r")(**{"texts": TEXT, "candidate_labels": CANDIDATES} | arguments)
    assert str(error.value).startswith(message)
