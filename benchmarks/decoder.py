"""Measure time and peak memory of explanations by a large decoder on long texts.

    python -m benchmarks.decoder --device cuda --precision bf16 --size 0.5B --tokens 4096
    python -m benchmarks.decoder --size tiny --tokens 256 --threads 2

A Llama classifier with random weights explains one text of `--tokens` tokens. The bare passes are one forward pass and
one backward pass to the word vectors, with frozen parameters. The package is measured from the text to the explanation.
Both run in turns in one process. A ratio is the median over the rounds, with the minimum and the maximum. Leave-one-out
removes the words of a shorter text, of `--words` words. Memory is the peak that PyTorch allocates in addition to the
weights (GPU), or the rise of the resident set (CPU). The table also has the rate of the matrix products in the layers,
without attention, as a share of the rate of large matrix products on the device.
"""

import argparse
from collections.abc import Callable

import torch
from transformers import LlamaConfig, LlamaForSequenceClassification

from benchmarks import workload
from benchmarks.limit import Bare, peak
from benchmarks.memory import resident, texts_of
from hf_gradexplain.explainer import Explainer

SIZES = {"tiny": (4, 256, 4, 1024), "0.5B": (24, 896, 14, 4864), "1B": (16, 2048, 32, 8192)}
"""Layers, dimensions, attention heads, and dimensions of the feed-forward layers."""


def llama(size: str, tokens: int, device: str) -> LlamaForSequenceClassification:
    """Return a Llama with random weights and two classes."""
    layers, dims, heads, inner = SIZES[size]
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=workload.VOCABULARY + 4,
        hidden_size=dims,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=tokens,
        num_labels=2,
        pad_token_id=0,
    )
    return LlamaForSequenceClassification(config).eval().to(device)


def products(size: str, tokens: int) -> float:
    """Return the floating-point operations of the layers' matrix products in one forward and one backward pass."""
    layers, dims, _, inner = SIZES[size]
    return 2 * 2 * tokens * layers * (4 * dims**2 + 3 * dims * inner)


def memory_of(work: Callable[[], object], device: str) -> float:
    """Return the rise of the memory during a work, in GB."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return (torch.cuda.max_memory_allocated() - before) / 2**30
    with open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")
    before = resident("VmRSS")
    work()
    return (resident("VmHWM") - before) / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--precision", default="no", choices=["no", "bf16"])
    parser.add_argument("--size", default="0.5B", choices=list(SIZES))
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--words", type=int, default=250, help="words of the text for leave-one-out")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device, mixed = arguments.device, arguments.precision == "bf16"
    rate = peak(device, torch.bfloat16 if mixed else torch.float32)
    tokenizer = workload.tokenizer()
    tokenizer.model_max_length = arguments.tokens
    model = llama(arguments.size, arguments.tokens, device)
    bare = Bare(model.requires_grad_(False), tokenizer, arguments.tokens, mixed)
    (long,), (short,) = texts_of(arguments.tokens - 2, 1), texts_of(arguments.words, 1)
    explainer, options = Explainer(model, tokenizer), {"unit": "token", "mixed_precision": arguments.precision}
    batches = bare.batches([long])
    works: dict[str, Callable[[], object]] = {
        "bare forward and backward": lambda: bare.gradients(batches),
        "signed_gi": lambda: explainer([long], "signed_gi", **options),
        "attn_lrp": lambda: explainer([long], "attn_lrp", **options),
        f"loo, {arguments.words} words": lambda: explainer([short], "loo", **options),
    }
    times = workload.in_turns(list(works.values()), arguments.repeats, device)
    share = products(arguments.size, arguments.tokens) / workload.wall(times[0]) / 1e12 / rate
    setting = f"{arguments.size}, {arguments.tokens:,} tokens, {device}, precision {arguments.precision}"
    print(f"{setting}: bare at {share:.0%} of {rate:.2f} TFLOP/s")
    print("\n| work | s | ratio to bare | memory, GB |\n|---|---:|---|---:|")
    for (name, work), seconds in zip(works.items(), times, strict=True):
        ratio, _ = workload.ratios(seconds, times[0])
        print(f"| {name} | {workload.wall(seconds):.2f} | {ratio} | {memory_of(work, device):.2f} |", flush=True)


if __name__ == "__main__":
    main()
