"""Compare `recipes/evaluate.py` in one process and in several: whole runs, started from the command line.

    OMP_WAIT_POLICY=passive python -m benchmarks.processes --processes 1 2

A BiLSTM and a BERT of 2 layers and 128 dimensions, with random weights, are evaluated by all seven methods on texts as
long as those of AG's News. "Whole" is the time of the command. "Run" is the time that the run reports; it does not
include the start of Python and of the processes, which does not grow with the data. All commands run in turns. A ratio
compares with one process: the median over the rounds, with the minimum and the maximum.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch

from benchmarks import workload
from hf_gradexplain.models import MODELS, train_word_tokenizer

RECIPE = Path(__file__).parents[1] / "recipes" / "evaluate.py"
TEXTS = {"bilstm": 300, "bert": 200}


def write_inputs(name: str, folder: Path) -> None:
    """Save a model with its tokenizer, and the texts."""
    torch.manual_seed(0)
    if name == "bert":
        model, tokenizer = workload.bert(2, 128), workload.tokenizer()
    else:
        words = (f"w{i}" for i in range(workload.VOCABULARY))
        tokenizer = train_word_tokenizer(words, vocab_size=workload.VOCABULARY)
        config = next(each for each in MODELS if each.model_type == name)(vocab_size=len(tokenizer), num_labels=4)
        model = MODELS[type(config)](config)
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    rows = [{"text": text, "label": i % 4} for i, text in enumerate(workload.texts("ag_news", TEXTS[name]))]
    Path(folder, "texts.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def run(folder: Path, processes: int) -> tuple[float, float]:
    """Return the seconds of the whole command, and those that the run reports."""
    with TemporaryDirectory() as output:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
        arguments = {"model_name_or_path": folder / "model", "dataset_name": folder / "texts.jsonl", "split": "train"}
        flags = [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
        command = [sys.executable, *(launcher if processes > 1 else []), str(RECIPE), *flags, "--output_dir", output]
        start = time.perf_counter()
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "ACCELERATE_USE_CPU": "true"}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        whole = time.perf_counter() - start
        return whole, json.loads(Path(output, "results.json").read_text(encoding="utf-8"))["seconds"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(
        "| model | texts | processes | whole, s | run, s | run, ratio to one process |\n|---|---:|---:|---:|---:|---|"
    )
    for name in TEXTS:
        with TemporaryDirectory() as folder:
            write_inputs(name, Path(folder))
            rounds = [[run(Path(folder), n) for n in arguments.processes] for _ in range(arguments.repeats)]
        for at, processes in enumerate(arguments.processes):
            whole, inner = (median(times[at][part] for times in rounds) for part in (0, 1))
            ratios = [times[at][1] / times[0][1] for times in rounds]
            ratio = f"**{median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"
            print(f"| {name} | {TEXTS[name]:,} | {processes} | {whole:.1f} | {inner:.1f} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
