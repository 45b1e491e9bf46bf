"""What a thousand explanations cost: time, memory and passes of each method of a tool, at the size of BERT-base.

    OMP_WAIT_POLICY=passive python -m benchmarks.peers.thousand TOOL FOLDER --threads 2

Run in the environment of the tool, see README.md; FOLDER is the output of benchmarks/peers/texts.py. The model is a
BERT with random weights in float32; the texts are those of AG's News closest to the median length. A method explains
one text to warm up, then as many as fit into `--seconds`, in one call, at least one and at most 32. If the first text
takes longer than that, it is the measurement. One process per
method. Passes are counted as the model runs: rows that go through the model, and rows whose gradients come back, for
each text. Memory is the rise of the peak above the memory in use before the first explanation: the resident set of the
process, read from `/proc/self/status`, or what PyTorch allocates on the GPU.
"""

import argparse
import json
import re
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification
from transformers.utils import logging

from benchmarks.peers.peer import COSTED, load_costs

MOST = 32
"""Largest number of texts that one method explains."""

SIZE = {"cpu": 1024, "cuda": 32768}
"""Tokens of one forward pass, per kind of device, for tools that count tokens; others use batches of 16 rows."""


@dataclass
class Passes:
    """The rows that went through a model.

    Attributes:
        forward: Rows of all forward passes.
        backward: Rows of all backward passes.
    """

    forward: int = 0
    backward: int = 0

    def watch(self, model: Any) -> None:
        """Count the rows of a model from now on."""
        model.register_forward_hook(self._count)

    def _count(self, module: Any, args: object, output: Any) -> None:
        logits = output.logits
        self.forward += len(logits)
        if logits.requires_grad:
            logits.register_hook(self._count_gradients)

    def _count_gradients(self, gradients: Tensor) -> None:
        self.backward += len(gradients)


def new_model(vocabulary: int, layers: int, dims: int, device: str) -> Any:
    """Return a BERT with random weights, four classes and heads of 64 dimensions."""
    torch.manual_seed(0)
    sizes = {"hidden_size": dims, "intermediate_size": 4 * dims, "num_hidden_layers": layers}
    config = BertConfig(vocab_size=vocabulary, num_attention_heads=dims // 64, num_labels=4, **sizes)
    return BertForSequenceClassification(config).eval().to(device)


def typical(texts: list[str], tokenizer: Any) -> list[str]:
    """Return the texts, those closest to the median number of tokens first."""
    lengths = {text: len(tokenizer(text)["input_ids"]) for text in texts}
    middle = sorted(lengths.values())[len(lengths) // 2]
    return sorted(lengths, key=lambda text: abs(lengths[text] - middle))


def resident(field: str) -> float:
    """Return the memory of this process in MB: `VmRSS` now, `VmHWM` at its peak."""
    match = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    return int(match.group(1)) / 1024 if match else float("nan")


def start_memory(device: str) -> float:
    """Forget the peak of the memory so far, and return the memory in use in MB."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / 2**20
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return resident("VmRSS")


def peak_memory(device: str) -> float:
    """Return the peak of the memory in MB since `start_memory`."""
    return torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else resident("VmHWM")


def measure(arguments: argparse.Namespace) -> str:
    """Return the row of one method, measured in this process."""
    tokenizer = AutoTokenizer.from_pretrained(arguments.folder)
    model = new_model(len(tokenizer), arguments.layers, arguments.dims, arguments.device)
    stored = json.loads((arguments.folder / "texts.json").read_text(encoding="utf-8"))
    texts = typical(stored["ag_news"], tokenizer)
    work, size, before = (
        load_costs(arguments.tool)[arguments.method],
        SIZE[arguments.device],
        start_memory(arguments.device),
    )

    def seconds(some: list[str]) -> float:
        start = time.perf_counter()
        work(model, tokenizer, some, size)
        if arguments.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    passes, number = Passes(), 1
    passes.watch(model)
    each = seconds(texts[:1])
    if each < arguments.seconds:
        number = max(1, min(MOST, int(arguments.seconds / seconds(texts[:1]))))
        passes.forward = passes.backward = 0
        each = seconds(texts[:number]) / number
    cells = (
        arguments.tool,
        arguments.method,
        f"{number}",
        f"{passes.forward / number:,.0f}",
        f"{passes.backward / number:,.0f}",
        f"**{duration(1000 * each)}**",
        f"{peak_memory(arguments.device) - before:,.0f}",
    )
    return f"| {' | '.join(cells)} |"


def duration(seconds: float) -> str:
    """Return a duration with two significant digits, in seconds, minutes or hours.

    >>> duration(42.4), duration(180), duration(9000)
    ('42 s', '3.0 min', '2.5 h')
    """
    value, unit = next(
        ((seconds / n, unit) for n, unit in ((3600, "h"), (60, "min")) if seconds >= 2 * n), (seconds, "s")
    )
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"


def main() -> None:
    """Print the rows of one tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", choices=COSTED)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--method", help="measure this method only, in this process")
    parser.add_argument("--seconds", type=float, default=60, help="about how long each method runs")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--dims", type=int, default=768)
    parser.add_argument("--device", default="cpu", choices=list(SIZE))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    if arguments.method is not None:
        print(measure(arguments))
        return
    for method in load_costs(arguments.tool):
        command = [sys.executable, "-m", "benchmarks.peers.thousand", *sys.argv[1:], "--method", method]
        done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        print(done.stdout.strip().splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
