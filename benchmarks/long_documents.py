"""Compare windows on long documents with models that read the whole document.

    python -m benchmarks.long_documents --threads 2
    python -m benchmarks.long_documents --layers 2 --dims 128 --tokens 1024 4096

A BERT that reads 512 tokens explains a document in windows that overlap by 64 tokens. A ModernBERT, whose attention is
local in two of three layers, and a Llama read the document as a whole. All have random weights and the same numbers of
layers and dimensions. Each row is measured in its own process. Memory is the rise of the peak resident set of the
process above its size after the model and the text were loaded. It is read from `/proc/self/status`, which exists only
on Linux. Other work on the machine disturbs processor time less than elapsed time.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import torch
from transformers import (
    LlamaConfig,
    LlamaForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    PreTrainedModel,
)

from benchmarks import workload
from benchmarks.memory import resident, texts_of
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options

STRIDE = 64
MODELS = ("windows", "modernbert", "llama")
METHODS = ("signed_gi", "attn_lrp")


def model_of(name: str, layers: int, dims: int, longest: int) -> PreTrainedModel:
    """Return a model with random weights that reads up to `longest` tokens at once; `windows` is a BERT of 512."""
    if name == "windows":
        return workload.bert(layers, dims)
    torch.manual_seed(0)
    sizes = {"num_hidden_layers": layers, "hidden_size": dims, "num_attention_heads": dims // 32, "num_labels": 4}
    common = {"vocab_size": workload.VOCABULARY + 4, "max_position_embeddings": longest, "pad_token_id": 0, **sizes}
    if name == "modernbert":
        config = ModernBertConfig(
            intermediate_size=2 * dims, cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3, **common
        )
        return ModernBertForSequenceClassification(config).eval()
    config = LlamaConfig(intermediate_size=3 * dims, bos_token_id=None, eos_token_id=None, **common)
    return LlamaForSequenceClassification(config).eval()


def measure(name: str, method: str, tokens: int, layers: int, dims: int) -> str:
    """Return one row of the table, measured in this process."""
    tokenizer = workload.tokenizer()
    if name != "windows":
        tokenizer.model_max_length = tokens
    explainer = Explainer(model_of(name, layers, dims, tokens), tokenizer)
    options = Options(method, "token", stride=STRIDE)
    (short,), (text,) = texts_of(400, 1), texts_of(tokens - 2, 1)
    explainer.explanations([short], options)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    times = workload.seconds(lambda: explainer.explanations([text], options))
    peak = resident("VmHWM")
    cells = (name, method, f"{tokens:,}", f"{times.wall:.1f}", f"{times.processor:.1f}", f"{peak - before:.0f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--dims", type=int, default=384)
    parser.add_argument("--tokens", type=int, nargs="+", default=[2048, 8192, 32768])
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--row", nargs=3, help="measure one row only, in this process: model, method, tokens")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.row is not None:
        name, method, tokens = arguments.row
        print(measure(name, method, int(tokens), arguments.layers, arguments.dims))
        return
    print("| model | method | tokens | seconds | processor, s | rise to peak, MB |\n|---|---|---:|---:|---:|---:|")
    same = ["--threads", f"{arguments.threads}", "--layers", f"{arguments.layers}", "--dims", f"{arguments.dims}"]
    for tokens in arguments.tokens:
        for method in METHODS:
            for name in arguments.models:
                command = [sys.executable, "-m", "benchmarks.long_documents", *same, "--row", name, method, f"{tokens}"]
                done = subprocess.run(command, text=True, capture_output=True)
                failed = f"| {name} | {method} | {tokens:,} | failed: {done.stderr.strip()[-200:]} |"
                print(failed if done.returncode else done.stdout.strip(), flush=True)


if __name__ == "__main__":
    main()
