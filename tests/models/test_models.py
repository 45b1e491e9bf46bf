"""FastText, TextCNN and BiLSTM: their logits, and their use by the libraries around transformers."""

import ast
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForSequenceClassification, Trainer, TrainingArguments, pipeline

from hf_gradexplain import models
from hf_gradexplain.models import (
    BiLSTMConfig,
    BiLSTMForSequenceClassification,
    FastTextConfig,
    FastTextForSequenceClassification,
    TextCNNConfig,
    TextCNNForSequenceClassification,
    train_word_tokenizer,
)
from tests.models.naive_models import NAIVE

VOCAB, PAD = 20, 0
CONFIGS = {
    "fasttext": lambda **more: FastTextConfig(vocab_size=VOCAB, hidden_size=4, **more),
    "textcnn": lambda **more: TextCNNConfig(vocab_size=VOCAB, hidden_size=4, num_filters=3, **more),
    "bilstm_last": lambda **more: BiLSTMConfig(vocab_size=VOCAB, hidden_size=4, lstm_size=3, pooling="last", **more),
    "bilstm_max": lambda **more: BiLSTMConfig(vocab_size=VOCAB, hidden_size=4, lstm_size=3, pooling="max", **more),
    "bilstm_mean": lambda **more: BiLSTMConfig(vocab_size=VOCAB, hidden_size=4, lstm_size=3, pooling="mean", **more),
    "bilstm_deep": lambda **more: BiLSTMConfig(
        vocab_size=VOCAB, hidden_size=4, lstm_size=3, num_hidden_layers=2, pooling="mean", **more
    ),
}
every_model = pytest.mark.parametrize("kind", CONFIGS)


def make_model(kind, **more):
    """Return a model in float64 and eval mode with random weights and biases far from zero."""
    model = AutoModelForSequenceClassification.from_config(CONFIGS[kind](num_labels=3, **more)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
        model.embedding.weight[PAD] = 0
    return model


def random_ids(*shape):
    return torch.randint(1, VOCAB, shape)


@every_model
@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 7])
@torch.no_grad()
def test_logits_are_those_of_the_definition(kind, length):
    torch.set_default_dtype(torch.float64)
    try:
        model, ids = make_model(kind), random_ids(length)
        expected = NAIVE[model.config.model_type](model, [model.embedding.weight[i] for i in ids])
        torch.testing.assert_close(model(ids.unsqueeze(0)).logits[0], expected, rtol=0, atol=1e-12)
    finally:
        torch.set_default_dtype(torch.float32)


@every_model
@pytest.mark.parametrize("masked", [True, False], ids=["mask", "no_mask"])
@torch.no_grad()
def test_padding_on_either_side_has_no_effect(kind, masked):
    model, texts = make_model(kind), [random_ids(length) for length in (0, 1, 2, 7, 4)]
    alone = torch.cat([model(text.unsqueeze(0)).logits for text in texts])
    for width in (7, 12):
        for side in (0, 1):
            rows = [F.pad(text, (0, width - len(text)) if side else (width - len(text), 0)) for text in texts]
            ids = torch.stack(rows)
            mask = (ids != PAD).long() if masked else None
            torch.testing.assert_close(model(ids, mask).logits, alone, rtol=0, atol=1e-12)


@every_model
@torch.no_grad()
def test_the_mask_takes_precedence_over_the_padding_id(kind):
    model, ids = make_model(kind), random_ids(2, 6)
    mask = torch.tensor([[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1]])
    expected = torch.cat([model(ids[:1, :4]).logits, model(ids[1:, 2:]).logits])
    torch.testing.assert_close(model(ids, mask).logits, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(model(ids, mask.bool()).logits, expected, rtol=0, atol=1e-12)


@torch.no_grad()
def test_packed_sequences_and_unpacked_directions_agree(monkeypatch):
    model, lengths = make_model("bilstm_deep"), torch.tensor([3, 7, 1])
    inputs = torch.randn(7, 3, 4, dtype=torch.float64)
    unpacked = model.lstm_states(inputs, lengths)
    monkeypatch.setattr(torch.backends.cudnn, "is_acceptable", lambda tensor: True)
    packed = model.lstm_states(inputs, lengths)
    for a, b in zip(unpacked, packed, strict=True):
        for i, length in enumerate(lengths):
            torch.testing.assert_close(a[:length, i], b[:length, i], rtol=0, atol=1e-12)
        assert a.shape == b.shape
    assert not torch.equal(unpacked[0], packed[0]), "the packed branch did not run: it leaves zeros past a text's end"


@every_model
def test_a_hook_on_the_embedding_sees_every_token_once(kind):
    """As in an explainer: add a delta to the word vectors, and differentiate with respect to it."""
    model, ids = make_model(kind), random_ids(2, 6)
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]])
    delta = torch.zeros(2, 6, 4, dtype=torch.float64, requires_grad=True)
    shapes = []

    def hook(module, inputs, output):
        shapes.append(output.shape)
        return output + delta

    handle = model.get_input_embeddings().register_forward_hook(hook)
    assert torch.autograd.gradcheck(lambda _: model(ids, mask).logits, (delta,))
    shapes.clear()
    (gradient,) = torch.autograd.grad(model(ids, mask).logits[:, 0].sum(), delta)
    handle.remove()
    assert shapes == [(2, 6, 4)]
    assert (gradient[1, 3:] == 0).all()
    assert (gradient[mask.bool()].abs().sum(-1) > 0).any()


@every_model
@torch.no_grad()
def test_embeddings_can_replace_ids(kind):
    model, ids = make_model(kind), random_ids(2, 6)
    embedded = model(inputs_embeds=model.get_input_embeddings()(ids)).logits
    assert torch.equal(embedded, model(ids).logits)
    for inputs in ({}, {"input_ids": ids, "inputs_embeds": model.embedding(ids)}):
        with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
            model(**inputs)


@every_model
def test_losses_of_the_problem_types(kind):
    ids, classes = random_ids(4, 6), torch.tensor([0, 2, 1, 1])
    several = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1]]).double()
    numbers = torch.tensor([0.5, -1, 2, 0]).double()
    model = make_model(kind)
    logits = model(ids).logits
    log_p = logits.log_softmax(-1)
    expected = -sum(log_p[i, y] for i, y in enumerate(classes)) / 4
    torch.testing.assert_close(model(ids, labels=classes).loss, expected)
    assert model.config.problem_type == "single_label_classification"

    model.config.problem_type = "multi_label_classification"
    p = torch.sigmoid(logits)
    expected = -(several * p.log() + (1 - several) * (1 - p).log()).mean()
    torch.testing.assert_close(model(ids, labels=several).loss, expected)

    model.config.problem_type = "regression"
    torch.testing.assert_close(model(ids, labels=several).loss, ((logits - several) ** 2).mean())

    single = AutoModelForSequenceClassification.from_config(CONFIGS[kind](num_labels=1)).double().eval()
    expected = ((single(ids).logits[:, 0] - numbers) ** 2).mean()
    torch.testing.assert_close(single(ids, labels=numbers).loss, expected)
    assert single.config.problem_type == "regression"


@every_model
@pytest.mark.parametrize("option", ["word_dropout", "embedding_dropout", "classifier_dropout"])
def test_dropout_has_an_effect_in_training_only(kind, option):
    dropouts = dict.fromkeys(("word_dropout", "embedding_dropout", "classifier_dropout"), 0.0)
    plain = make_model(kind, **dropouts)
    model = make_model(kind, **(dropouts | {option: 1.0}))
    model.load_state_dict(plain.state_dict())
    ids = random_ids(2, 6)
    assert torch.equal(model(ids).logits, plain(ids).logits)
    model.train()
    without_words = (
        model.classifier.bias.expand(2, -1)
        if option == "classifier_dropout"
        else plain(torch.zeros_like(ids), torch.ones_like(ids)).logits
    )
    torch.testing.assert_close(model(ids).logits, without_words)


@torch.no_grad()
def test_word_dropout_drops_whole_words():
    model = make_model("fasttext", word_dropout=0.5).train()
    seen = []
    model.embedding_dropout.register_forward_hook(lambda module, inputs, output: seen.append(output))
    ids = random_ids(8, 16)
    model(ids)
    dropped = (seen[0] == 0).all(-1)
    assert 0 < dropped.sum() < ids.numel()
    torch.testing.assert_close(seen[0], torch.where(dropped[..., None], 0, 2 * model.embedding(ids)))


@every_model
def test_training_steps_leave_the_padding_vector_zero(kind):
    model = AutoModelForSequenceClassification.from_config(CONFIGS[kind](num_labels=3))
    assert (model.embedding.weight[PAD] == 0).all()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    before = model.embedding.weight.clone()
    ids = F.pad(random_ids(4, 6), (0, 3))
    for _ in range(3):
        model(ids, labels=torch.tensor([0, 1, 2, 0])).loss.backward()
        optimizer.step()
    assert (model.embedding.weight[PAD] == 0).all()
    assert not torch.equal(model.embedding.weight, before)


@every_model
def test_a_reloaded_model_gives_the_same_logits(kind, tmp_path):
    model = make_model(kind).float()
    model.save_pretrained(tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert type(again) is type(model)
    assert again.config.to_dict() == AutoConfig.from_pretrained(tmp_path).to_dict()
    ids = random_ids(3, 6)
    assert torch.equal(again(ids).logits, model(ids).logits)
    assert model(ids, return_dict=False)[0].shape == (3, 3)


@every_model
def test_the_vocabulary_can_grow(kind):
    model, ids = make_model(kind), random_ids(2, 5)
    before = model(ids).logits
    model.resize_token_embeddings(VOCAB + 2)
    assert model.get_input_embeddings().weight.shape == (VOCAB + 2, 4)
    torch.testing.assert_close(model(ids).logits, before)


@every_model
def test_pipeline_and_trainer_accept_the_model(kind, tmp_path):
    texts = ["a good film", "", "a bad film, a very bad film"]
    tokenizer = train_word_tokenizer(texts, vocab_size=VOCAB)
    model = AutoModelForSequenceClassification.from_config(CONFIGS[kind](num_labels=3))
    rows = [{**tokenizer(text), "labels": i} for i, text in enumerate(texts)]
    options = {"report_to": "none", "disable_tqdm": True, "save_strategy": "no", "dataloader_pin_memory": False}
    arguments = TrainingArguments(str(tmp_path), max_steps=1, learning_rate=0.1, use_cpu=True, **options)
    before = model.classifier.bias.clone()
    Trainer(model, arguments, train_dataset=rows, processing_class=tokenizer).train()
    assert not torch.equal(model.classifier.bias, before)

    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    classify = pipeline("text-classification", model=str(tmp_path), device="cpu", top_k=None)
    for text, output in zip(texts, classify(texts), strict=True):
        probabilities = model.eval()(**tokenizer([text], return_tensors="pt")).logits.softmax(-1)[0]
        scores = {entry["label"]: entry["score"] for entry in output}
        assert [scores[f"LABEL_{i}"] for i in range(3)] == pytest.approx(probabilities.tolist(), rel=1e-5)


@pytest.mark.parametrize("config_class", [FastTextConfig, TextCNNConfig, BiLSTMConfig])
def test_default_configurations_build_a_model(config_class):
    config = config_class(vocab_size=VOCAB)
    assert (config.pad_token_id, config.num_labels, config.problem_type) == (0, 2, None)
    assert config_class().vocab_size == 30_000
    assert AutoModelForSequenceClassification.from_config(config)(random_ids(1, 3)).logits.shape == (1, 2)


def test_default_shapes_are_those_of_the_papers():
    widths = [
        conv.kernel_size[0] for conv in TextCNNForSequenceClassification(TextCNNConfig(vocab_size=9)).convolutions
    ]
    assert widths == [3, 4, 5]
    assert TextCNNConfig().num_filters == 100
    assert BiLSTMForSequenceClassification(BiLSTMConfig(vocab_size=9)).lstm.bidirectional
    layers = list(FastTextForSequenceClassification(FastTextConfig(vocab_size=9)).parameters())
    assert [tuple(layer.shape) for layer in layers] == [(9, 100), (2, 100), (2,)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TextCNNConfig(filter_widths=[]), r"at least one width, each 1 or more; got \[\]"),
        (lambda: TextCNNConfig(filter_widths=(3, 0)), r"at least one width, each 1 or more; got \[3, 0\]"),
        (lambda: BiLSTMConfig(pooling="average"), "pooling"),
        (lambda: FastTextConfig(hidden_size="wide"), "hidden_size"),
    ],
)
def test_invalid_configurations_are_refused(make, message):
    with pytest.raises(Exception, match=message):
        make()


@pytest.mark.parametrize("name", ["fasttext", "textcnn", "bilstm"])
def test_a_model_folder_imports_nothing_of_this_package(name):
    """Its files are pushed to the hub as remote code: they may import only each other and packages that users have."""
    folder = Path(models.__file__).parent / name
    files = sorted(folder.glob("*.py"))
    assert len(files) == 3
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= {"torch"}
            elif isinstance(node, ast.ImportFrom):
                own = node.level == 1 and node.module in {f"configuration_{name}", f"modeling_{name}"}
                assert own or node.module.split(".")[0] in {"torch", "transformers", "huggingface_hub", "typing"}
