"""Small classifiers trained on the planted corpus."""

from collections.abc import Callable

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from benchmarks.planted_corpus import LENGTH, VOCABULARY, PlantedText, score, training_texts
from hf_gradexplain.models import TextCNNConfig, TextCNNForSequenceClassification

TEST_TEXTS, BATCH = 2_000, 128
TRAINING = {"textcnn": (20_000, 8, 5e-3), "bert": (40_000, 8, 1e-3), "llama": (40_000, 8, 1e-3)}
"""Number of training texts, epochs, and the largest learning rate of the schedule."""

PAD, CLS, SEP = range(3)


def tokenizer(*, around: bool) -> PreTrainedTokenizerFast:
    """Return a tokenizer with one token per word; `around` adds `[CLS]` and `[SEP]`."""
    special = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    names = [*special.values(), *VOCABULARY]
    backend = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if around:
        backend.post_processor = processors.BertProcessing(("[SEP]", SEP), ("[CLS]", CLS))
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, model_input_names=["input_ids", "attention_mask"], model_max_length=32, **special
    )


def new_textcnn(vocab_size: int) -> PreTrainedModel:
    """Return a TextCNN of widths 1 to 3."""
    sizes = {"hidden_size": 48, "num_filters": 48, "filter_widths": (1, 2, 3), "classifier_dropout": 0.2}
    return TextCNNForSequenceClassification(TextCNNConfig(vocab_size=vocab_size, num_labels=2, **sizes))


def new_bert(vocab_size: int) -> PreTrainedModel:
    """Return a BERT of 2 layers."""
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config = BertConfig(vocab_size=vocab_size, num_labels=2, max_position_embeddings=32, **sizes, **dropout)
    return BertForSequenceClassification(config)


def new_llama(vocab_size: int) -> PreTrainedModel:
    """Return a Llama of 2 layers."""
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    config = LlamaConfig(vocab_size=vocab_size, num_labels=2, num_key_value_heads=2, pad_token_id=PAD, **sizes)
    return LlamaForSequenceClassification(config)


MODELS: dict[str, Callable[[int], PreTrainedModel]] = {"textcnn": new_textcnn, "bert": new_bert, "llama": new_llama}


def mask_words(text: PlantedText, masked: torch.Tensor) -> int:
    """Return the label of a text without its masked words `(LENGTH,)` bool."""
    return int(score([None if m else word for word, m in zip(text.words, masked.tolist(), strict=True)]) >= 1)


def encode(
    texts: list[PlantedText], words: PreTrainedTokenizerFast, share: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and labels.

    In a share of the texts, words are masked at random, and the label is that of the rest. A masked word is the padding
    token with attention: its vector is zero, as under the baseline of the explanations.
    """
    ids = torch.tensor(words([text.text for text in texts])["input_ids"])
    rates = torch.rand(len(texts), 1, generator=generator)
    masked = torch.rand(len(texts), LENGTH, generator=generator) < rates
    masked &= torch.rand(len(texts), 1, generator=generator) < share
    start = (ids.shape[1] - LENGTH) // 2
    ids[:, start : start + LENGTH].masked_fill_(masked, PAD)
    return ids, torch.tensor([mask_words(*each) for each in zip(texts, masked, strict=True)])


def train(
    kind: str, seed: int, masked_share: float, log: Callable[[str], None]
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast, float]:
    """Train a model; return it, its tokenizer and its accuracy on unseen texts."""
    torch.manual_seed(seed)
    n_texts, epochs, rate = TRAINING[kind]
    words = tokenizer(around=kind != "textcnn")
    model = MODELS[kind](len(words))
    generator = torch.Generator().manual_seed(seed)
    ids, labels = encode(training_texts(n_texts, seed), words, masked_share, generator)
    test = encode(training_texts(TEST_TEXTS, 1000 + seed), words, masked_share, generator)
    optimizer = torch.optim.AdamW(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=-(-n_texts // BATCH) * epochs)
    accuracy = 0.0
    for epoch in range(epochs):
        model.train()
        for rows in torch.randperm(len(ids), generator=generator).split(BATCH):
            loss = torch.nn.functional.cross_entropy(logits_of(model, ids[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            accuracy = float((logits_of(model, test[0]).argmax(1) == test[1]).double().mean())
        log(f"{kind}, seed {seed}, epoch {epoch + 1}: accuracy {accuracy:.4f}")
    return model, words, accuracy


def logits_of(model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
    """Return the logits of texts of equal length, with attention to every token."""
    return model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
