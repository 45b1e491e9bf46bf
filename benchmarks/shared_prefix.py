"""Compare leave-one-out on a causal model with shared prefixes and with full copies.

    python -m benchmarks.shared_prefix --threads 2
    python -m benchmarks.shared_prefix --device cuda --tokens 32768 --texts 64

The model is a Llama with random weights. Both ways go from texts to explanations. They differ only in whether masked
copies share the keys and values of the tokens before their masked words. Both run in turns in one process.

A ratio is the median over the rounds, with the minimum and the maximum. `processor` is the median ratio of processor
times. `computed` is the number of tokens that are computed with shared prefixes, as a share of the tokens of full
copies: the smallest possible ratio if every token takes the same time. `difference` is the largest difference between
two scores, relative to the largest score.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from math import inf

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForSequenceClassification

from benchmarks import workload
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.perturb.shared_prefix import plan_passes, tokens_of_a_pass
from hf_gradexplain.text.collate import collate
from hf_gradexplain.text.encode import Encoder

LOSS = Objective("loss", "softmax")


def llama(layers: int, dims: int, *, device: str) -> LlamaForSequenceClassification:
    """Return a Llama with random weights: the time does not depend on them."""
    torch.manual_seed(0)
    sizes = {"num_hidden_layers": layers, "hidden_size": dims, "intermediate_size": 8 * dims // 3}
    heads = {"num_attention_heads": dims // 32, "num_key_value_heads": dims // 32}
    config = LlamaConfig(vocab_size=workload.VOCABULARY + 4, num_labels=4, pad_token_id=0, **sizes, **heads)
    return LlamaForSequenceClassification(config).eval().to(device)


def texts_of(words: int, n: int) -> list[str]:
    """Return texts of this number of artificial words."""
    rng = np.random.default_rng(0)
    return [" ".join(f"w{i}" for i in rng.integers(workload.VOCABULARY, size=words)) for _ in range(n)]


def measure(words: int, arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the row of the table for texts of this number of words."""
    explainer = Explainer(llama(arguments.layers, arguments.dims, device=arguments.device), workload.tokenizer())
    without = Explainer(explainer.model, explainer.tokenizer)
    without.profile = replace(without.profile, prefix_error=inf)
    texts, explanations = texts_of(words, arguments.texts), dict[Explainer, list[Explanation]]()

    def explain(by: Explainer) -> None:
        explanations[by] = by(texts, "loo", batch_tokens=arguments.tokens)

    works = [partial(explain, without), partial(explain, explainer)]
    full, shared = workload.in_turns(works, arguments.repeats, arguments.device)
    expected, scores = (np.stack([x.scores["loo"] for x in explanations[by]]) for by in (without, explainer))
    cells = (
        f"{words}",
        f"{arguments.texts}",
        f"{1e3 * workload.wall(full):.1f}",
        f"{1e3 * workload.wall(shared):.1f}",
        *workload.ratios(shared, full),
        f"{computed(explainer, texts, arguments.tokens):.2f}",
        f"{np.abs(scores - expected).max() / np.abs(expected).max():.0e}",
    )
    yield f"| {' | '.join(cells)} |"


def computed(explainer: Explainer, texts: list[str], tokens: int) -> float:
    """Return the tokens that shared prefixes compute, as a share of those of full copies."""
    documents = Encoder(explainer.tokenizer, explainer.profile.max_length, "word")(texts)
    batch = collate(documents, [None] * len(texts), explainer.tokenizer)
    with frozen_eval_mode(explainer.model):
        passes = plan_passes(
            batch, tokens, tokens_of_a_pass(explainer.profile.classifier(explainer.model, LOSS, tokens))
        )
    of_copies = sum(len(each.texts) * (each.tokens.stop - each.tokens.start) for each in passes)
    full = sum(len(document) * len(document.units) for document in documents)
    return (of_copies + batch.inputs["input_ids"].numel()) / full if passes else 1.0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--tokens", type=int, default=1024, help="the token budget of a forward pass")
    parser.add_argument("--words", type=int, nargs="+", default=[45, 250], help="words of a text")
    parser.add_argument("--texts", type=int, default=1)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--dims", type=int, default=384)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(
        "| words | texts | full copies, ms | shared prefixes, ms | ratio | processor | computed | difference |\n"
        "|---:|---:|---:|---:|---|---:|---:|---:|"
    )
    for words in arguments.words:
        for line in measure(words, arguments):
            print(line, flush=True)


if __name__ == "__main__":
    main()
