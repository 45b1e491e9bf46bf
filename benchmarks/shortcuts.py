"""Compare the shortcuts for leave-one-out, removal curves and sets of units with batched brute force.

    python -m benchmarks.shortcuts --words 50 250 1000 --threads 2
    python -m benchmarks.shortcuts --words 50 250 --texts 64 --models fasttext

Texts have artificial words with the frequencies of natural text, and each occurrence is a unit. By default there is one
text. Brute force is the generic form at the best of several token budgets. The compared functions run in turns in one
process, and the table shows medians. A second table shows the time of the gradients.

"In forwards" is the time divided by that of a plain forward pass of the texts. It is measured before brute force, which
fragments the heap and can make later work a third slower. Functions that take microseconds are repeated for 20 ms.
FastText runs once before it is measured, to project its table.
"""

import argparse
import time
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from benchmarks.workload import Seconds, Work, ratios, wall
from hf_gradexplain.attribution.sources import Backward
from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.models import MODELS, train_word_tokenizer
from hf_gradexplain.perturb import GENERIC, Shortcut, has_gradient_shortcut, shortcut_gradients, shortcut_of
from hf_gradexplain.probing.probe import probe
from hf_gradexplain.run.processes import flush_denormals
from hf_gradexplain.text.collate import collate
from hf_gradexplain.text.data import Gradients
from hf_gradexplain.text.encode import Encoder

VOCABULARY, CLASSES = 20_000, 4
KINDS = ("leave-one-out", "curve", "random sets")
BUDGETS = (512, 1024, 4096, 16384)


def seconds(work: Work) -> Seconds:
    """Return the time of a run: the mean over the runs that fit into 20 ms, at least one."""
    wall, processor, runs = time.perf_counter(), time.process_time(), 0
    while not runs or time.perf_counter() - wall < 0.02:
        work()
        runs += 1
    return Seconds((time.perf_counter() - wall) / runs, (time.process_time() - processor) / runs)


def in_turns(works: Sequence[Work], repeats: int) -> list[list[Seconds]]:
    """Run all works once per round; return `repeats` times for each."""
    rounds = [[seconds(work) for work in works] for _ in range(repeats)]
    return [list(times) for times in zip(*rounds, strict=True)]


def new_models() -> dict[str, tuple[PreTrainedModel, PreTrainedTokenizerFast]]:
    """Return the three architectures at their default sizes, untrained: the time does not depend on the weights."""
    torch.manual_seed(0)
    tokenizer = train_word_tokenizer((f"w{i}" for i in range(VOCABULARY)), vocab_size=VOCABULARY)
    configs = {config.model_type: config(vocab_size=len(tokenizer), num_labels=CLASSES) for config in MODELS}
    return {name: (MODELS[type(config)](config), tokenizer) for name, config in configs.items()}


def run_model(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, words: int, texts: int, budget: int
) -> ForwardPass:
    """Run the model on texts that are the same for all budgets."""
    ids = np.random.default_rng(0).zipf(1.3, (texts, words)) % VOCABULARY
    documents = Encoder(tokenizer, None, "word")([" ".join(f"w{i}" for i in row) for row in ids])
    classifier = HookedClassifier(model, probe(model, tokenizer).lookups, Objective("loss", "softmax"), budget)
    return classifier.forward(collate(documents, [None] * texts, tokenizer), graph=False)


def works_of(shortcut: Shortcut, forward: ForwardPass) -> list[Work]:
    """Return leave-one-out, the whole curve of one random order, and as many random sets of half of the units."""
    rng, texts, size = np.random.default_rng(1), len(forward.batch.documents), forward.batch.units.size
    ranks = torch.from_numpy(rng.permutation(size)).expand(1, texts, -1)
    text_of, removed = torch.arange(texts).repeat_interleave(size), torch.from_numpy(rng.random((texts * size, size)))
    return [
        lambda: shortcut.leave_one_out(forward),
        lambda: shortcut.removal_curves(forward, ranks),
        lambda: shortcut.subsets(forward, text_of, removed < 0.5),
    ]


@torch.no_grad()
def cells_in_forwards(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, words: int, texts: int, repeats: int
) -> list[str]:
    """Return two cells of the table for each kind of work: milliseconds, and the ratio to a forward pass."""
    forward = run_model(model, tokenizer, words, texts, 1024)
    works = works_of(shortcut_of(model), forward)
    for work in works:
        work()
    plain, *times = in_turns([lambda: model(**forward.batch.inputs), *works], repeats)
    return [f"{1e3 * wall(short):.2f} | {ratios(short, plain)[0]}" for short in times]


@torch.no_grad()
def cells_of_brute_force(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, words: int, texts: int, repeats: int
) -> list[str]:
    """Return four cells for each kind of work: brute force, its token budget, and the speed-up of the shortcut."""
    passes = {budget: run_model(model, tokenizer, words, texts, budget) for budget in BUDGETS}
    brute = {budget: works_of(GENERIC, passes[budget]) for budget in BUDGETS}
    best = min(BUDGETS, key=lambda budget: min(seconds(brute[budget][0]).wall for _ in range(2)))
    works = [*works_of(shortcut_of(model), passes[1024]), *brute[best]]
    for work in works[: len(KINDS)]:
        work()
    times = in_turns(works, repeats)
    return [
        f"{1e3 * wall(long):.1f} | {best:,} | {' | '.join(ratios(long, short))}"
        for short, long in zip(times[: len(KINDS)], times[len(KINDS) :], strict=True)
    ]


def gradients_per_word(
    name: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, words: list[int], texts: int, repeats: int
) -> str:
    """Return one row of the second table: microseconds per word at each length."""
    passes = [run_model(model, tokenizer, n, texts, 1024) for n in words]

    def gradients(forward: ForwardPass) -> Gradients:
        if has_gradient_shortcut(forward.classifier, forward.batch):
            return shortcut_gradients(forward)
        return Backward()(forward.classifier.forward(forward.batch, graph=True))

    times = in_turns([partial(gradients, forward) for forward in passes], repeats)
    cells = [f"{1e6 * wall(t) / n / texts:.1f}" for t, n in zip(times, words, strict=True)]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, nargs="+", default=[50, 250, 1000])
    parser.add_argument("--texts", type=int, default=1)
    parser.add_argument("--models", nargs="+", default=["fasttext", "textcnn", "bilstm"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--flush_denormals", action="store_true", help="flush denormal numbers to zero, as the recipes do"
    )
    arguments = parser.parse_args()
    if arguments.flush_denormals:
        flush_denormals()
    torch.set_num_threads(arguments.threads)
    models = new_models()
    print(
        "| model | words | texts | work | shortcut, ms | in forwards | brute force, ms | at tokens | times faster "
        "| in processor time |\n|---|---:|---:|---|---:|---|---:|---:|---|---:|"
    )
    for name in arguments.models:
        model, tokenizer = models[name]
        with frozen_eval_mode(model):
            sizes = [(words, arguments.texts, arguments.repeats) for words in arguments.words]
            in_forwards = [cells_in_forwards(model, tokenizer, *size) for size in sizes]
            for size, shortcut_cells in zip(sizes, in_forwards, strict=True):
                cells = zip(KINDS, shortcut_cells, cells_of_brute_force(model, tokenizer, *size), strict=True)
                for row in cells:
                    print(f"| {name} | {size[0]:,} | {size[1]} | {' | '.join(row)} |", flush=True)
    lengths = " | ".join(f"{n:,} words" for n in arguments.words)
    print(f"\n| gradients, µs per word | {lengths} |\n|---|{'---:|' * len(arguments.words)}")
    for name in arguments.models:
        with frozen_eval_mode(models[name][0]):
            print(gradients_per_word(name, *models[name], arguments.words, arguments.texts, arguments.repeats))


if __name__ == "__main__":
    main()
