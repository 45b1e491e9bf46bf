"""Compute the logits of short texts for all sets of removed units, for benchmarks of Shapley values.

    python -m benchmarks.shapley_games small.npz --dataset_name fancyzhx/ag_news
    python -m benchmarks.shapley_games minilm.npz --dataset_name fancyzhx/ag_news \
        --model_name_or_path org/minilm-ag_news --units 12 --texts 16

Texts of the test set are cut after their first 13 or 14 words and punctuation marks. If no model is given, two models
are trained on 8,000 such texts: a transformer of two layers, and FastText. The model runs once on a text without each
of the `2^U` sets of its units. From these logits, exact Shapley values are computed, and estimates can be repeated with
hundreds of seeds.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from benchmarks import removal_orders
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.models import FastTextConfig, FastTextForSequenceClassification, train_word_tokenizer
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import subset_logits
from hf_gradexplain.training.small_transformer import small_transformer
from tests.helpers.games import Table

TRAINING_TEXTS, EPOCHS, BATCH, DIMS = 8_000, 8, 64, 50
CLASSES = 4


@dataclass(frozen=True, eq=False)
class KnownText:
    """A text whose logits are known for all sets of removed units.

    Attributes:
        model: The name of the model.
        text: The text.
        target: The predicted class.
        logits: `(2^U, C)`, in the order of `removal_orders.all_sets`.
        relevance: `(C, U)` the scores of `attn_lrp` for the logit of each class; empty if the model has none.
    """

    model: str
    text: str
    target: int
    logits: np.ndarray
    relevance: np.ndarray

    @property
    def size(self) -> int:
        """The number of units."""
        return int(np.log2(len(self.logits)))

    @property
    def losses(self) -> np.ndarray:
        """`-log p` of the target for all sets of removed units: `(2^U,)`."""
        return np.logaddexp.reduce(self.logits, axis=1) - self.logits[:, self.target]


def game_of(text: KnownText, seed: int) -> Table:
    """Return the game that looks its losses up, as the package plays it: FastText has a shortcut."""
    game = Table(text.losses, seed)
    game.has_shortcut = text.model == "fasttext"
    return game


def exact(losses: np.ndarray) -> np.ndarray:
    """Return the exact Shapley values of a table of losses."""
    return removal_orders.shapley(removal_orders.lookup(losses), int(np.log2(len(losses))))


def load(path: str | Path) -> list[KnownText]:
    """Return the texts of a file written by this script."""
    with np.load(path) as file:
        fields = [[file[f"{name}_{i}"] for name in KnownText.__annotations__] for i in range(int(file["number"]))]
    return [KnownText(str(model), str(text), int(target), *rest) for model, text, target, *rest in fields]


def save(path: str | Path, texts: Sequence[KnownText]) -> None:
    """Write texts into a file."""
    arrays = {f"{name}_{i}": getattr(text, name) for i, text in enumerate(texts) for name in text.__annotations__}
    np.savez(path, number=len(texts), **arrays)


def cut(engine: AttributionEngine, texts: Sequence[str], units: Sequence[int], number: int) -> list[str]:
    """Return the first `number` texts that have enough units, cut to the lengths `units` in turn."""
    short = []
    for text in texts:
        wanted = units[len(short) % len(units)]
        (document,) = engine.encode([text], Options())
        if document.n_units > wanted:
            text = text[: document.units[wanted - 1].spans[-1][1]]
            if engine.encode([text], Options())[0].n_units == wanted:
                short.append(text)
        if len(short) == number:
            break
    return short


def known_texts(name: str, engine: AttributionEngine, texts: Sequence[str]) -> Iterator[KnownText]:
    """Yield texts with their logits, one after the other."""
    for text in texts:
        (scored,) = engine.run([text], Options("random"))
        sets = torch.from_numpy(removal_orders.all_sets(scored.forward.batch.units.size))
        with frozen_eval_mode(engine.model):
            logits = subset_logits(scored.forward, torch.zeros(len(sets), dtype=torch.long), sets).double().numpy()
        yield KnownText(name, text, int(logits[0].argmax()), logits, relevance(engine, text))
        print(f"{name}: {text}", flush=True)


def relevance(engine: AttributionEngine, text: str) -> np.ndarray:
    """Return the scores of `attn_lrp` for the logit of each class; empty for FastText, which is linear."""
    if isinstance(engine.model, FastTextForSequenceClassification):
        return np.zeros(0)
    rows = [
        engine.explanations([text], Options("attn_lrp", objective="logit", target=target))[0].scores["attn_lrp"]
        for target in range(CLASSES)
    ]
    return np.stack(rows)


def fasttext(rows: Dataset) -> tuple[FastTextForSequenceClassification, PreTrainedTokenizerBase]:
    """Train a FastText of 50 dimensions and its tokenizer."""
    torch.manual_seed(0)
    texts, labels = rows["text"][:], torch.tensor(rows["label"][:])
    tokenizer = train_word_tokenizer(texts, vocab_size=5000)
    model = FastTextForSequenceClassification(
        FastTextConfig(vocab_size=len(tokenizer), hidden_size=DIMS, num_labels=CLASSES)
    )
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=1e-2)
    encoded = tokenizer(texts, padding=True, return_tensors="pt")
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(texts)).split(BATCH):
            optimizer.zero_grad()
            model(**{key: value[chosen] for key, value in encoded.items()}, labels=labels[chosen]).loss.backward()
            optimizer.step()
    return model.eval(), tokenizer


def engines(arguments: argparse.Namespace) -> Iterator[tuple[str, AttributionEngine]]:
    """Yield the models by name: the given one, or the two that are trained."""
    if arguments.model_name_or_path:
        yield "given", AttributionEngine.from_pretrained(arguments.model_name_or_path)
        return
    rows = load_texts(arguments.dataset_name, split="train", max_samples=TRAINING_TEXTS)
    rows = rows.map(lambda row: {"text": " ".join(row["text"].split()[: max(arguments.units)])})
    trainers: dict[str, Any] = {"transformer": small_transformer, "fasttext": fasttext}
    for name, trainer in trainers.items():
        yield name, AttributionEngine(*trainer(rows))


def main() -> None:
    """Write the texts with their logits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output_file")
    parser.add_argument("--dataset_name", required=True)
    parser.add_argument("--model_name_or_path")
    parser.add_argument("--units", type=int, nargs="+", default=[13, 14])
    parser.add_argument("--texts", type=int, default=50, help="number of texts per model")
    arguments = parser.parse_args()
    candidates = load_texts(arguments.dataset_name, max_samples=4 * arguments.texts)["text"][:]
    texts: list[KnownText] = []
    for name, engine in engines(arguments):
        for text in known_texts(name, engine, cut(engine, candidates, arguments.units, arguments.texts)):
            texts.append(text)
            save(arguments.output_file, texts)


if __name__ == "__main__":
    main()
