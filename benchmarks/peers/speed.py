"""The time of a tool to explain texts, compared with that of the bare passes, in turns in one process.

    OMP_WAIT_POLICY=passive python -m benchmarks.peers.speed TOOL FOLDER --threads 2

Run in the environment of the tool, see README.md; FOLDER is the output of benchmarks/peers/texts.py. Bare: frozen
parameters, tokenised texts sorted by length in padded batches of 1,024 tokens, one forward pass and one backward pass
to the word vectors; for removing tokens, the forward passes of the masked copies, 1,024 tokens a batch. The tool goes
from text to result, at the fastest of its batch sizes. Prints a row of the table per kind of work: the median ratio
over the turns, the minimum and the maximum, and the median ratio of processor time, which other work on the machine
disturbs less.
"""

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification
from transformers.utils import logging

from benchmarks.peers.peer import TARGET, TIMED, Work, load_speed

TOKENS = 1024
FEW = {"ag_news": 2, "imdb": 1}
"""Number of texts from which each token is removed in turn: those at the lower quartile of the lengths."""

SLOW = 8.0
"""From this ratio on, an eighth of the texts is explained, to keep a turn short."""

Run = Callable[[], object]


def new_model(vocabulary: int) -> BertForSequenceClassification:
    """Return a BERT of 6 layers and 384 dimensions with random weights."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
        num_labels=4,
    )
    return BertForSequenceClassification(config).eval()


class Bare:
    """The minimum of forward and backward passes."""

    def __init__(self, model: BertForSequenceClassification, tokenizer: AutoTokenizer) -> None:
        self.model, self.tokenizer = deepcopy(model).requires_grad_(False), tokenizer

    def gradients(self, texts: list[str]) -> Run:
        """Return one forward and one backward pass over these texts, which are tokenised beforehand."""
        batches = list(self._batches(texts))
        return lambda: [self._backward(batch) for batch in batches]

    def _batches(self, texts: list[str]) -> Iterator[dict[str, Tensor]]:
        rows: list[list[int]] = []
        for ids in sorted(self.tokenizer(texts, truncation=True)["input_ids"], key=len):
            if rows and len(ids) * (len(rows) + 1) > TOKENS:
                yield self._padded(rows)
                rows = []
            rows.append(ids)
        yield self._padded(rows)

    def _padded(self, rows: list[list[int]]) -> dict[str, Tensor]:
        batch = dict(self.tokenizer.pad({"input_ids": rows}, return_tensors="pt"))
        return batch if not batch["attention_mask"].all() else {"input_ids": batch["input_ids"]}

    def _backward(self, batch: dict[str, Tensor]) -> Tensor:
        leaves: list[Tensor] = []

        def leaf(module: torch.nn.Module, args: tuple[Tensor], vectors: Tensor) -> Tensor:
            leaves.append(vectors.detach().requires_grad_())
            return leaves[0]

        handle = self.model.get_input_embeddings().register_forward_hook(leaf)
        try:
            logits = self.model(**batch).logits
        finally:
            handle.remove()
        return torch.autograd.grad(logits[:, TARGET].sum(), leaves)[0]

    def copies(self, texts: list[str]) -> Run:
        """Return the forward passes of each text without each of its tokens."""
        rows = [torch.tensor(ids) for ids in self.tokenizer(texts, truncation=True)["input_ids"]]
        return lambda: [self._masked(ids) for ids in rows]

    @torch.inference_mode()
    def _masked(self, ids: Tensor) -> list[Tensor]:
        vectors = self.model.get_input_embeddings()(ids)
        chunks = torch.arange(1, len(ids) - 1).split(max(1, TOKENS // len(ids)))
        return [self.model(inputs_embeds=self._without(vectors, tokens)).logits for tokens in chunks]

    @staticmethod
    def _without(vectors: Tensor, tokens: Tensor) -> Tensor:
        out = vectors.expand(len(tokens), -1, -1).clone()
        out[torch.arange(len(tokens)), tokens] = 0
        return out


def seconds(run: Run) -> tuple[float, float]:
    """Return the wall-clock time and the processor time of one run."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor


def fastest(work: Work, given: tuple[object, object, list[str]], sizes: tuple[int, ...]) -> int:
    """Return the batch size at which the work takes the least processor time, after one run to warm up."""
    if len(sizes) > 1:
        work(*given, sizes[0])
    return min(sizes, key=lambda size: seconds(lambda: work(*given, size))[1]) if len(sizes) > 1 else sizes[0]


def ratios(bare: Run, tool: Run, repeats: int) -> list[tuple[float, ...]]:
    """Return the tool's time relative to the bare passes for each turn, after one turn to warm up."""
    turns = [(seconds(bare), seconds(tool)) for _ in range(repeats + 1)][1:]
    return [tuple(t / b for t, b in zip(tool, bare, strict=True)) for bare, tool in turns]


def at_length(texts: list[str], quantile: float, n: int) -> list[str]:
    """Return the `n` texts around a quantile of the lengths."""
    start = round(quantile * (len(texts) - n))
    return sorted(texts, key=len)[start : start + n]


def lines(name: str, folder: Path, repeats: int) -> Iterator[str]:
    """Yield the rows of the table for one tool."""
    speed, tokenizer = load_speed(name), AutoTokenizer.from_pretrained(folder)
    model = new_model(len(tokenizer))
    bare = Bare(model, tokenizer)
    several = f"{len(speed.methods)} gradient methods"
    for corpus, texts in json.loads((folder / "texts.json").read_text(encoding="utf-8")).items():
        given = (model, tokenizer, at_length(texts, 0.5, len(texts) // 4))
        size = fastest(speed.one, given, speed.sizes)
        works = [("one gradient method", speed.one, size, texts, bare.gradients)]
        if speed.several:
            best = fastest(speed.several, given, speed.sizes)
            works.append((several, speed.several, best, texts, bare.gradients))
        if speed.occlusion:
            few = at_length(texts, 0.25, FEW[corpus])
            best = fastest(speed.occlusion, (model, tokenizer, at_length(texts, 0, 1)), speed.copies)
            works.append(("each token removed", speed.occlusion, best, few, bare.copies))
        for kind, work, size, sample, passes in works:
            yield line(name, corpus, kind, size, *measured(work, (model, tokenizer), sample, size, passes, repeats))


def measured(
    work: Work,
    model_and_tokenizer: tuple[object, object],
    texts: list[str],
    size: int,
    passes: Callable[[list[str]], Run],
    repeats: int,
) -> tuple[int, list[tuple[float, ...]]]:
    """Return the number of explained texts and the ratios; a slow tool explains an eighth of the texts."""
    few = at_length(texts, 0.5, max(1, len(texts) // 8))
    slow = len(few) < len(texts) and ratios(passes(few), lambda: work(*model_and_tokenizer, few, size), 1)[0][1] > SLOW
    sample = few if slow else texts
    return len(sample), ratios(passes(sample), lambda: work(*model_and_tokenizer, sample, size), repeats)


def line(name: str, corpus: str, kind: str, size: int, texts: int, turns: list[tuple[float, ...]]) -> str:
    """Return one row of the table."""
    wall, processor = zip(*turns, strict=True)
    medians = f"**{statistics.median(wall):.2f}**", f"{min(wall):.2f} to {max(wall):.2f}"
    cells = (name, corpus, kind, texts, size, *medians, f"{statistics.median(processor):.2f}")
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Print the rows of one tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", choices=TIMED)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    for row in lines(arguments.tool, arguments.folder, arguments.repeats):
        print(row, flush=True)


if __name__ == "__main__":
    main()
