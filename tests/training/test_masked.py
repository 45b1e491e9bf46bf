"""Masked fine-tuning: which words are masked, what the model then reads, and what it learns."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value
from scipy.stats import chisquare, kstest
from torch.nn.functional import cross_entropy

from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.training.arguments import FitArguments
from hf_gradexplain.training.masked import MASKED, WORD_OF, MaskingTrainer, WordMasks
from hf_gradexplain.training.pairs import reward
from hf_gradexplain.training.task import infer_task
from hf_gradexplain.training.train import fit
from tests.helpers.naive import NaiveReader
from tests.helpers.rearranging import LONG, Rearranging, last_tokens
from tests.helpers.tiny import KINDS, OURS, explainer, make
from tests.helpers.toys import TOKENIZER

METRICS = ("accuracy", "macro_f1")
TEXTS = ["the good film is not bad , the actor is good", "bad", "a word about zzz and the music"]
LABELS = torch.tensor([0, 1, 2])


def padded(kind, *, dtype=torch.float64):
    """Return a model, its tokenizer with a padding token, and what masks its words."""
    model, tokenizer = make(kind, dtype=dtype)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
        model.config.pad_token_id = 0
    return model, tokenizer, WordMasks(model, tokenizer)


def rows_of(encoded):
    return [dict(zip(encoded, values, strict=True)) for values in zip(*encoded.values(), strict=True)]


def rows(texts=TEXTS, labels=(0, 1, 2), n=4):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["a", "b", "c"])})
    return Dataset.from_dict({"text": list(texts) * n, "label": list(labels) * n}, features)


def logits_of(model, batch):
    inputs = {name: x for name, x in batch.items() if name != MASKED}
    return model(**inputs).logits


@pytest.mark.parametrize("kind", KINDS)
def test_the_chosen_words_have_zero_vectors_as_in_an_evaluation_and_all_others_their_own(kind):
    model, tokenizer, masks = padded(kind)
    encoded = masks.tokenize(TEXTS)
    batch = masks.pad(rows_of(encoded))
    chosen = [{0, 3, 5}, {0}, {1}]
    for i, words in enumerate(chosen):
        of = torch.tensor(encoded[WORD_OF][i])
        batch[MASKED][i, : len(of)] = torch.isin(of, torch.tensor([*words]))
    with torch.no_grad(), masks.edit(batch["input_ids"], batch[MASKED]):
        logits = logits_of(model, batch)
    for text, words, of, row in zip(TEXTS, chosen, encoded[WORD_OF], logits, strict=True):
        reader = NaiveReader(model, tokenizer, text)
        for token, word in enumerate(of):
            if word in words:
                reader.table.data[reader.rows[token]] = 0
        torch.testing.assert_close(row, reader.logits().detach())
    with torch.no_grad():
        assert not torch.equal(logits, logits_of(model, batch)), "nothing is masked outside of the block"


@pytest.mark.parametrize("kind", ["textcnn", "bert"])
def test_a_masked_word_has_the_effect_that_leave_one_out_measures(kind):
    model, _, masks = padded(kind)
    batch = masks.pad(rows_of(masks.tokenize(TEXTS[:1])))
    of = torch.tensor(masks.tokenize(TEXTS[:1])[WORD_OF][0])
    explanation = explainer(kind)(TEXTS[0], "loo", "word", target=1)
    losses = []
    for words in [{-5}, *({word} for word in range(len(explanation.units)))]:
        masked = torch.isin(of, torch.tensor([*words])).unsqueeze(0)
        with torch.no_grad(), masks.edit(batch["input_ids"], masked):
            losses.append(cross_entropy(logits_of(model, batch), torch.tensor([1])))
    effects = torch.stack(losses[1:]) - losses[0]
    np.testing.assert_allclose(explanation.scores["loo"], effects, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("baseline", ["mean", "pad", "unk"])
def test_words_are_masked_by_the_baseline_of_the_present_weights(baseline):
    model, tokenizer, _ = padded("bert")
    masks = WordMasks(model, tokenizer, baseline=baseline)
    table = model.get_input_embeddings()
    with torch.no_grad():
        table.weight += 1.0  # as a training step may
    batch, seen = masks.pad(rows_of(masks.tokenize(TEXTS))), []
    with masks.edit(batch["input_ids"], batch[MASKED]), torch.no_grad():
        handle = table.register_forward_hook(lambda module, args, output: seen.append(output))
        logits_of(model, batch)
        handle.remove()
    special = set(tokenizer.all_special_ids)
    ordinary = [i for i in range(len(tokenizer)) if i not in special]
    rows = ordinary if baseline == "mean" else [getattr(tokenizer, f"{baseline}_token_id")]
    expected = table.weight[rows].mean(0)
    assert batch[MASKED].any()
    torch.testing.assert_close(seen[0][batch[MASKED]], expected.expand(int(batch[MASKED].sum()), -1))
    torch.testing.assert_close(seen[0][~batch[MASKED]], table.weight[batch["input_ids"]][~batch[MASKED]])


def test_half_of_a_batch_is_untouched_and_special_tokens_are_never_masked():
    _, tokenizer, masks = padded("bert")
    encoded = masks.tokenize([f"{'good film ' * 9}{word}" for word in "abcdefghil"])
    batches = [masks.pad(rows_of(encoded)) for masks.epoch in range(9)]
    n_masked = [int(batch[MASKED].any(1).sum()) for batch in batches]
    assert max(n_masked) == 5
    assert min(n_masked) >= 3, "a rate near 0 masks no word"
    batch = batches[0]
    special = torch.isin(batch["input_ids"], torch.tensor(tokenizer.all_special_ids))
    assert special.any()
    assert not any((special & batch[MASKED]).any() for batch in batches)
    masks.share = "all"
    assert torch.equal(masks.pad(rows_of(encoded))[MASKED], ~special)
    masks.share = "none"
    assert not masks.pad(rows_of(encoded))[MASKED].any()


def test_of_an_odd_batch_half_of_the_texts_are_masked_on_average():
    masks, words = padded("fasttext")[2], [np.arange(40)] * 3
    n = [sum(mask.any() for mask in masks.draw([[i], [i, 1], [i, 2]], words)) for i in range(200)]
    assert set(n) <= {0, 1, 2}, "of three, one or two; a rate near 0 masks none of 40 words"
    assert 1.35 < np.mean(n) < 1.6
    alone = [masks.draw([[i]], words[:1])[0].any() for i in range(200)]
    assert 0.4 < np.mean(alone) < 0.6


def drawn(seed=0, epoch=0, texts=2000, words=9):
    """Return which words are masked in the masked half of many texts: `(texts / 2, words)` bool."""
    model, tokenizer = make("fasttext")
    masks = WordMasks(model, tokenizer, seed=seed)
    masks.epoch = epoch
    order = np.array([rng.random() for rng in map(masks._rng, ([i] for i in range(texts)))])
    masked = np.array(masks.draw([[i] for i in range(texts)], [np.arange(words)] * texts))
    return masked[order.argsort()[: texts // 2]]


def test_every_number_of_masked_words_is_equally_likely_and_every_word():
    masked = drawn()
    counts = np.bincount(masked.sum(1), minlength=10)
    assert chisquare(counts).pvalue > 0.01
    assert chisquare(masked.sum(0)).pvalue > 0.01
    many = drawn(texts=600, words=2000).mean(1)
    assert kstest(many, "uniform").pvalue > 0.01


def test_draws_depend_on_seed_epoch_and_text_and_not_on_the_batch():
    first = drawn()
    assert np.array_equal(first, drawn())
    assert not np.array_equal(first, drawn(seed=1))
    assert not np.array_equal(first, drawn(epoch=1))
    masks = padded("fasttext")[2]
    assert masks.epoch == 0, "before the first epoch has begun"
    ids, words = [[i] for i in range(8)], [np.arange(30)] * 8
    together, of_four = masks.draw(ids, words), [masks.draw(ids[i : i + 4], words[:4]) for i in (0, 4)]
    both = [(a, b) for a, b in zip(together, [*of_four[0], *of_four[1]], strict=True) if a.any() and b.any()]
    assert both
    assert all(np.array_equal(a, b) for a, b in both)


def test_every_epoch_masks_other_words(monkeypatch):
    epochs, draw = [], WordMasks.draw

    def noted(self, ids, word_of):
        epochs.append((self.share, self.epoch))
        return draw(self, ids, word_of)

    monkeypatch.setattr(WordMasks, "draw", noted)
    model, tokenizer = make("fasttext", dtype=torch.float32)
    arguments = FitArguments(masked_fine_tuning=True, per_device_train_batch_size=4, num_train_epochs=3)
    fit(model, tokenizer, infer_task(rows()), rows(), rows(), arguments)
    assert [epoch for share, epoch in epochs if share == "half"] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [share for share, _ in epochs if share != "half"] == ["none", "all"]


def test_the_masks_of_a_left_padded_batch_lie_on_its_words():
    model, tokenizer = make("bert")
    tokenizer.padding_side = "left"
    masks = WordMasks(model, tokenizer)
    masks.share = "all"
    batch = masks.pad(rows_of(masks.tokenize(TEXTS)))
    special = torch.isin(batch["input_ids"], torch.tensor([i for i in tokenizer.all_special_ids if i != 1]))
    assert torch.equal(batch[MASKED], ~special)


@pytest.mark.parametrize("kind", ["fasttext", "bert", "gpt2"])
def test_texts_are_tokenized_as_by_the_tokenizer(kind):
    _, tokenizer, _ = padded(kind)
    masks = WordMasks(make(kind)[0], tokenizer, max_length=7)
    encoded = masks.tokenize(TEXTS)
    expected = tokenizer(TEXTS, truncation=True, max_length=7)
    assert {name: encoded[name] for name in expected} == dict(expected)
    pairs = masks.tokenize(TEXTS, TEXTS[::-1])
    assert pairs["input_ids"] == tokenizer(TEXTS, TEXTS[::-1], truncation=True, max_length=7)["input_ids"]


def test_gradients_reach_the_embedding_table_through_unmasked_words_only():
    model, _, masks = padded("textcnn")
    masks.share = "none"
    batch = masks.pad(rows_of(masks.tokenize(["the good film"])))
    batch[MASKED][0, 1] = True
    with masks.edit(batch["input_ids"], batch[MASKED]):
        logits_of(model, batch).square().sum().backward()
    touched = model.get_input_embeddings().weight.grad.any(1).nonzero()[:, 0].tolist()
    the, _, film = batch["input_ids"][0].tolist()
    assert set(touched) == {the, film}


@pytest.mark.parametrize("kind", [*OURS, "bert", "gpt2"])
def test_every_kind_of_model_trains_with_masked_words(kind):
    weights = []
    for masked in (False, True, True):
        model, tokenizer, _ = padded(kind, dtype=torch.float32)
        data, arguments = rows(), FitArguments(masked_fine_tuning=masked, num_train_epochs=1)
        metrics = fit(model, tokenizer, infer_task(data), data, data, arguments)
        weights.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
        assert not model.training
        assert not model.get_input_embeddings()._forward_hooks
        assert set(metrics) == {*METRICS, *(f"fully_masked_{name}" for name in METRICS if masked)}
    assert not torch.equal(weights[0], weights[1])
    assert torch.equal(weights[1], weights[2])


def test_without_words_the_model_learns_how_frequent_the_classes_are():
    fillers = np.random.default_rng(0).choice(["the", "film", "and", "end", "is", "a", "with", "of"], (450, 6))
    words = ["good", "bad", "music"] * 150
    data = rows([" ".join([*filler, word]) for filler, word in zip(fillers, words, strict=True)], [0, 0, 1] * 150, n=1)
    model, tokenizer, masks = padded("fasttext", dtype=torch.float32)
    arguments = FitArguments(
        masked_fine_tuning=True, learning_rate=0.1, per_device_train_batch_size=50, num_train_epochs=10
    )
    metrics = fit(model, tokenizer, infer_task(data), data, data, arguments)
    assert metrics["accuracy"] > 0.95
    assert metrics["fully_masked_accuracy"] == pytest.approx(2 / 3)
    batch = masks.pad(rows_of(masks.tokenize(["good film"])))
    with torch.no_grad(), masks.edit(batch["input_ids"], torch.ones_like(batch[MASKED])):
        probabilities = logits_of(model, batch).softmax(1)[0]
    np.testing.assert_allclose(probabilities, [2 / 3, 1 / 3, 0], atol=0.06)


def test_the_texts_of_preferences_are_masked_one_by_one():
    model, tokenizer = make("bert", "regression", dtype=torch.float32)
    pairs = Dataset.from_dict({"text": TEXTS * 4, "text_pair": TEXTS[::-1] * 4})
    metrics = fit(model, tokenizer, reward(), pairs, pairs, FitArguments(masked_fine_tuning=True, num_train_epochs=1))
    assert set(metrics) == {"pair_accuracy", "fully_masked_pair_accuracy"}


def test_arguments_that_cannot_be_used():
    given = {"dataset_name": "x", "output_dir": "y", "model_type": "textcnn"}
    with pytest.raises(GradexplainError, match=r"^masking_baseline says how masked_fine_tuning masks words: add "):
        TrainRecipeArguments(**given, masking_baseline="mean")
    with pytest.raises(GradexplainError, match=r"^unknown masking_baseline 'one'"):
        TrainRecipeArguments(**given, masked_fine_tuning=True, masking_baseline="one")
    model, tokenizer = make("fasttext")
    with pytest.raises(GradexplainError, match="the tokenizer has no mask token: choose baseline='mean'"):
        WordMasks(model, tokenizer, baseline="mask")
    single = SimpleNamespace(args=SimpleNamespace(n_gpu=1))
    MaskingTrainer.mask_words(single, "the masks")
    assert single.masks == "the masks"
    several = SimpleNamespace(args=SimpleNamespace(n_gpu=2))
    with pytest.raises(GradexplainError, match=r"^masked_fine_tuning needs a process per GPU, but this one has 2: "):
        MaskingTrainer.mask_words(several, WordMasks(model, tokenizer))


def test_a_model_that_reads_some_texts_at_other_places_is_refused():
    model = Rearranging(last_tokens)
    masks = WordMasks(model, TOKENIZER)
    batch = masks.pad(rows_of(masks.tokenize(["a b " * LONG])))
    with (
        pytest.raises(GradexplainError, match=r"^masked_fine_tuning: Rearranging looks up some words in an embedding "),
        masks.edit(batch["input_ids"], batch[MASKED]),
    ):
        logits_of(model, batch)


@pytest.mark.parametrize("pad_id", [0, 2])
def test_a_text_without_tokens_is_read_as_one_padding_token(pad_id):
    model, tokenizer = make("fasttext")
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(pad_id)
    assert WordMasks(model, tokenizer).tokenize([""])["input_ids"] == [[pad_id]]
