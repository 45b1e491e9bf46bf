"""The small transformers: what they are made of, and that everything the leaderboard does works on them."""

import numpy as np
import pytest

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.explainer import Explainer
from recipes.leaderboard.candidates import CANDIDATES
from recipes.leaderboard.entries import SMALL
from recipes.leaderboard.small_models import save_untrained, train_tokenizer
from tests.helpers.tiny import CORPUS


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Every model with two seeds."""
    folder = tmp_path_factory.mktemp("untrained")
    for model in SMALL:
        for seed in (0, 1):
            save_untrained(model, CORPUS, seed, folder / f"{model}{seed}", vocabulary=60)
    return folder


@pytest.mark.parametrize("model", SMALL)
def test_the_seed_decides_the_weights(model, folders, tmp_path):
    save_untrained(model, CORPUS, 0, tmp_path, vocabulary=60)
    same, other = ((folders / f"{model}{seed}" / "model.safetensors").read_bytes() for seed in (0, 1))
    assert (tmp_path / "model.safetensors").read_bytes() == same != other


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("llama", {"LlamaRMSNorm", "LlamaMLP", "LlamaRotaryEmbedding"}),
        ("modernbert", {"ModernBertMLP", "LayerNorm", "ModernBertRotaryEmbedding"}),
        ("gpt2", {"GPT2MLP", "LayerNorm", "Conv1D"}),
        ("bart", {"BartEncoderLayer", "BartDecoderLayer", "LayerNorm"}),
    ],
)
def test_every_model_is_explained_and_conserves_relevance(model, parts, folders, monkeypatch):
    monkeypatch.setitem(METHODS, "ig_cp_3", CANDIDATES["ig_cp_3"])
    explain = Explainer.from_pretrained(str(folders / f"{model}0"))
    assert parts <= {type(module).__name__ for module in explain.model.modules()}
    check = explain.profile.propagation
    assert check.refusal is None
    assert check.conservation_error < 1e-4
    scores = explain([CORPUS[0]], ("loo", "attn_lrp", "cp_lrp", "ig_cp_3"), "word_type")[0].scores
    assert all(np.abs(x).max() > 0 for x in scores.values())


def test_a_text_stands_between_the_end_tokens_and_long_ones_are_cut():
    tokenizer = train_tokenizer(CORPUS, 60)
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("The GOOD film")["input_ids"])
    assert (tokens[0], tokens[-1]) == ("[CLS]", "[SEP]")
    assert tokenizer.decode(tokenizer("The GOOD film")["input_ids"], skip_special_tokens=True) == "the good film"
    assert len(tokenizer("film " * 999, truncation=True)["input_ids"]) == 128
