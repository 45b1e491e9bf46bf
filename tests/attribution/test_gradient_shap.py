"""GradientSHAP, compared with plain loops in float64 and with captum."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from captum.attr import GradientShap

from hf_gradexplain.attribution import gradient_shap
from hf_gradexplain.commands.publish import public_replay
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from hf_gradexplain.text.encode import Encoder
from tests.helpers.naive import NaiveReader, loss_of
from tests.helpers.tiny import TEXTS, explainer, make

BUDGET = {"max_evals": 20, "max_error": 0}
"""Ten draws of two copies, in two rounds: of eight, and of two."""

DRAWS = 10

REFERENCES = ("the music is bad", "zzz actor : the music")


def rng_of(explain, text, seed=0):
    (document,) = Encoder(explain.tokenizer, None, "word")([text])
    return lambda purpose: document.rng(seed, purpose)


def vocabulary(explain):
    """The word vectors of all ordinary tokens, as an array."""
    table = explain.model.get_input_embeddings().weight.detach().numpy()
    return table[
        [i for i in range(min(len(table), len(explain.tokenizer))) if i not in explain.tokenizer.all_special_ids]
    ]


def gaussian_baselines(explain, text, tokens):
    """Ten pairs of opposite baselines `(20, n, D)` around the mean of the vocabulary, with its standard deviations."""
    words, rng, found = vocabulary(explain), rng_of(explain, text), []
    for draw in range(DRAWS):
        noise = words.std(0) * rng(f"baseline 0 {draw}").normal(size=(tokens, words.shape[1]))
        found += [words.mean(0) + noise, words.mean(0) - noise]
    return np.stack(found)


def reference_baselines(explain, text, tokens):
    """Twenty sets of word vectors of tokens of the reference texts: `(20, n, D)`."""
    encoded = [explain.tokenizer(each, add_special_tokens=False)["input_ids"] for each in REFERENCES]
    ids, rng = [i for each in encoded for i in each], rng_of(explain, text)
    table = explain.model.get_input_embeddings().weight.detach().numpy()
    return np.stack([table[ids][rng(f"baseline {copy}").integers(len(ids), size=tokens)] for copy in range(2 * DRAWS)])


def points(explain, text):
    first = [rng_of(explain, text)(f"point {draw}").uniform() for draw in range(DRAWS)]
    return [x for point in first for x in (point, 1 - point)]


@pytest.mark.parametrize(
    ("baselines", "options"),
    [(gaussian_baselines, {}), (reference_baselines, {"reference_texts": REFERENCES})],
    ids=["gaussian", "references"],
)
@pytest.mark.parametrize(("kind", "unit"), [("bert", "word_type"), ("gpt2", "word"), ("textcnn", "token")])
def test_scores_and_standard_errors_agree_with_a_loop_over_random_baselines(kind, unit, baselines, options):
    explain, text = explainer(kind), TEXTS[0]
    reader, loss = (
        NaiveReader(explain.model, explain.tokenizer, text),
        loss_of("loss", "single_label_classification", 1),
    )
    rows = torch.tensor([reader.rows[t] for t in reader.tokens])
    vectors, copies = reader.table[rows].detach().clone(), []
    for baseline, point in zip(baselines(explain, text, len(rows)), points(explain, text), strict=True):
        difference = vectors - torch.from_numpy(baseline)
        reader.table.data[rows] = vectors - (1 - point) * difference
        grads = reader.gradients(loss)
        of_token = {t: -float(np.dot(grads[t], difference[i].numpy())) for i, t in enumerate(reader.tokens)}
        copies.append([sum(of_token[t] for t in tokens) for tokens in reader.units(unit)])
    draws = np.array(copies).reshape(DRAWS, 2, -1).mean(1)
    found = explain(text, "gradient_shap", unit, labels=1, **BUDGET, **options)
    sampling = found.sampling["gradient_shap"]
    assert found.scores["gradient_shap"] == pytest.approx(draws.mean(0), rel=1e-9, abs=1e-12)
    assert sampling.errors == pytest.approx(draws.std(0, ddof=1) / np.sqrt(DRAWS), rel=1e-9, abs=1e-12)
    assert (sampling.draws, sampling.copies) == (DRAWS, 2 * DRAWS)


def test_scores_are_those_of_captum_for_the_same_baselines_and_points(monkeypatch):
    explain, text = explainer("textcnn"), TEXTS[0]
    vectors = explain.model.get_input_embeddings()(explain.tokenizer(text, return_tensors="pt")["input_ids"]).detach()
    baselines = torch.from_numpy(gaussian_baselines(explain, text, vectors.shape[1]))
    expected_points = np.array(points(explain, text))
    scores = explain(text, "gradient_shap", "token", labels=2, objective="logit", **BUDGET).scores["gradient_shap"]

    def logits(vectors):
        return explain.model(inputs_embeds=vectors, attention_mask=torch.ones(vectors.shape[:2])).logits

    monkeypatch.setattr(np.random, "choice", lambda n, size: np.arange(n))
    monkeypatch.setattr(np.random, "uniform", lambda low, high, size: expected_points)
    peer = GradientShap(logits).attribute(vectors, baselines, n_samples=2 * DRAWS, stdevs=0.0, target=2)
    assert scores == pytest.approx(peer.sum(-1)[0].detach().numpy(), rel=1e-9)


@pytest.mark.parametrize("baseline", ["mean", "zero"])
@pytest.mark.parametrize("unit", ["word", "word_type"])
def test_on_a_linear_model_scores_are_those_of_signed_gi_and_sure(baseline, unit):
    options = {"objective": "logit", "baseline": baseline}
    found = explainer("fasttext")(TEXTS[0], ("gradient_shap", "signed_gi"), unit, **options)
    assert found.scores["gradient_shap"] == pytest.approx(found.scores["signed_gi"], rel=0, abs=1e-14)
    assert found.sampling["gradient_shap"].errors == pytest.approx(0, abs=1e-14)
    assert found.sampling["gradient_shap"].copies == 16


def test_with_the_words_of_one_token_scores_are_integrated_gradients_from_it():
    """Every baseline is then the same, and the mean over points is the integral."""
    explain, text = explainer("bert"), TEXTS[3]
    options = {"labels": 1, "max_evals": 800, "max_error": 0}
    found = explain(text, "gradient_shap", reference_texts="a", **options)
    (token,) = explain.tokenizer("a", add_special_tokens=False)["input_ids"]
    assert found.baselines["gradient_shap"] == "words of 1 reference text"
    moved = Explainer(*make("bert"))
    moved.model.get_input_embeddings().weight.data[moved.tokenizer.unk_token_id] = (
        explain.model.get_input_embeddings().weight.data[token]
    )
    expected = moved(text, "integrated_gradients", baseline="unk", labels=1)
    distance = found.scores["gradient_shap"] - expected.scores["integrated_gradients"]
    errors = found.sampling["gradient_shap"].errors
    assert (np.abs(distance) < 4 * errors + 1e-4).all()
    assert errors.max() < 0.1 * np.abs(expected.scores["integrated_gradients"]).max()


def test_the_two_halves_of_a_draw_are_averaged_without_rounding(monkeypatch):
    draws, found = gradient_shap._draws, []
    monkeypatch.setattr(gradient_shap, "_draws", lambda *arguments: found.append(draws(*arguments)) or found[-1])
    model, tokenizer = make("fasttext")
    Explainer(model.float(), tokenizer)(TEXTS[0], "gradient_shap", **BUDGET)
    of_draws = np.concatenate(found)
    assert (of_draws != of_draws.astype(np.float32)).any()


def test_draws_stop_when_errors_are_small_enough():
    explain, text = explainer("bert"), TEXTS[0]
    found = explain(text, "gradient_shap", max_error=0.2)
    sampling, scores = found.sampling["gradient_shap"], found.scores["gradient_shap"]
    assert 16 <= sampling.copies < 2000
    assert sampling.errors.max() <= 0.2 * np.abs(scores).max()
    more = explain(text, "gradient_shap", max_error=0.1).sampling["gradient_shap"]
    assert more.copies > sampling.copies


def test_the_draws_depend_on_the_seed_alone():
    scores = [
        explainer("bert")(TEXTS[0], "gradient_shap", seed=seed, **BUDGET).scores["gradient_shap"] for seed in (0, 0, 1)
    ]
    assert (scores[0] == scores[1]).all()
    assert (scores[0] != scores[2]).all()


def test_the_baseline_is_named():
    explain = explainer("fasttext")
    assert explain("bad", "gradient_shap").baselines == {"gradient_shap": "mean with noise"}
    assert explain("bad", "gradient_shap", baseline="zero").baselines == {"gradient_shap": "zero with noise"}
    named = explain("bad", "gradient_shap", reference_texts=REFERENCES).baselines
    assert named == {"gradient_shap": "words of 2 reference texts"}


def test_reference_texts_that_cannot_be_used_are_refused():
    explain = explainer("bert")
    with pytest.raises(
        GradexplainError, match="reference_texts have no word to draw baselines from: give at least one"
    ):
        explain("bad", "gradient_shap", reference_texts=["", " "])
    with pytest.raises(
        GradexplainError, match="reference_texts are for gradient_shap: add it to methods, or leave out"
    ):
        explain("bad", "loo", reference_texts=["a film"])
    with pytest.raises(GradexplainError, match="reference_texts must be a list of str, but one is of type int"):
        explain("bad", "gradient_shap", reference_texts=["a", 3])
    assert Options("gradient_shap", reference_texts="a film").reference_texts == ("a film",)
    assert Options("gradient_shap", reference_texts=np.array(["a", "b"])).reference_texts == ("a", "b")


def test_a_run_names_the_baselines_and_publishes_reference_texts_with_texts_only(tmp_path):
    texts, arguments = ["a good film", "the music is bad"], {"methods": ("gradient_shap", "loo"), "max_evals": 4}
    explainer("fasttext").evaluate(texts, **arguments, reference_texts=REFERENCES, output_dir=tmp_path, progress=False)
    assert "zero; words of 2 reference texts for gradient_shap" in (tmp_path / "README.md").read_text(encoding="utf-8")
    run = SimpleNamespace(provenances={})
    for published in (False, True):
        hub = {"push_to_hub": True, "hub_dataset_id": "me/data", "publish_text": published}
        own = EvaluateRecipeArguments(**arguments, reference_texts=REFERENCES, **hub)
        assert ("zzz actor" in public_replay(own, run)) == published
