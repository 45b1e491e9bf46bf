"""The scores of another tool on a tiny model of each architecture, compared with the true ones.

    python -m benchmarks.peers.correctness captum

Run from the root of the repository in the environment of the tool, see README.md. Writes the tool's part of
results.json, from which docs/architectures.md is made.
"""

import argparse
import json
import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from tokenizers import processors
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils import logging

from benchmarks.peers.peer import PEERS, Output, Peer, load
from benchmarks.peers.truth import Truth
from tests.architectures.measure import PAD, TEXTS, TOLERANCE, relative
from tests.architectures.zoo import MODEL_TYPES, InFloat64, tiny_model, tiny_tokenizer

RESULTS = Path(__file__).parent / "results.json"


def model_and_tokenizer(model_type: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Return the tiny model of an architecture and its tokenizer, both with a pad token that no text ends with."""
    model = tiny_model(model_type)
    config = model.config.get_text_config()
    if getattr(config, "pad_token_id", None) in (None, getattr(config, "eos_token_id", None)):
        model.config.pad_token_id = config.pad_token_id = PAD
    tokenizer = tiny_tokenizer(model)
    if tokenizer.cls_token is None and tokenizer.bos_token is None and not config.is_encoder_decoder:
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            "$A"
        )  # like the decoders' own tokenizers
    return model, tokenizer


def verdicts(name: str, model_type: str) -> tuple[str, list[str]]:
    """Return the architecture, and the verdicts on a tool: for one text alone, and for several in a batch."""
    peer = load(name)
    with InFloat64():
        alone = _attempt(lambda: _right(peer, *model_and_tokenizer(model_type)))
        is_error = alone not in ("yes", "no", "other input")
        together = alone if is_error else _attempt(lambda: _agrees(peer, *model_and_tokenizer(model_type)))
    return model_type, [alone, together if peer.together else ""]


def _attempt(verdict: Callable[[], str]) -> str:
    try:
        return verdict()
    except Exception as error:
        return type(error).__name__


def _right(peer: Peer, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> str:
    """Return `yes`, `no`, or `other input` if right for segment or position ids other than the tokenizer's."""
    output = peer.alone(model, tokenizer, TEXTS[0])
    truth = Truth.of(*_fresh_copy(model))
    plain = dict(tokenizer(TEXTS[0], return_tensors="pt"))
    without = {name: x for name, x in plain.items() if name != "token_type_ids"}
    if any(_equal(peer, output.scores, peer.truth(truth, inputs)) for inputs in (plain, without)):
        return "yes"
    return "other input" if _explains_its_input(peer, truth, output) else "no"


def _explains_its_input(peer: Peer, truth: Truth, output: Output) -> bool:
    try:
        return _equal(peer, output.scores, peer.truth(truth, output.inputs))
    except Exception:
        return False


def _fresh_copy(model: PreTrainedModel) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Return the same model and tokenizer, unmodified by any tool."""
    return model_and_tokenizer(model.config.model_type)


def _agrees(peer: Peer, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> str:
    """Return whether each text gets the same scores in a batch as alone."""
    if peer.together is None:
        return ""
    alone = [peer.alone(model, tokenizer, text).scores for text in TEXTS]
    together = peer.together(model, tokenizer, list(TEXTS))
    return "yes" if all(map(partial(_equal, peer), together, alone)) else "no"


def _equal(peer: Peer, scores: Tensor, expected: Tensor) -> bool:
    scores, expected = scores.detach().double(), expected.detach().double()
    if scores.shape != expected.shape or not torch.isfinite(scores).all():
        return False
    if peer.scaled:
        return torch.nn.functional.cosine_similarity(scores, expected, dim=0).item() >= 1 - TOLERANCE
    return relative(scores, expected) <= TOLERANCE


def measure(name: str, processes: int) -> dict[str, object]:
    """Return the results of a tool."""
    with ProcessPoolExecutor(processes, initializer=_quiet) as pool:
        rows = dict(pool.map(partial(verdicts, name), MODEL_TYPES))
    peer = load(name)
    versions = {package: version(package).partition("+")[0] for package in (name, "transformers", "torch")}
    return {"versions": versions, "call": peer.call, "scores": peer.scores, "rows": rows}


def _quiet() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()


def save(name: str, part: Mapping[str, object]) -> None:
    """Write the results of a tool into the file, one architecture per line."""
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results = {key: {**results, name: part}[key] for key in PEERS if key in {*results, name}}
    text = re.sub(r'\[\s+("[^"]*"),\s+("[^"]*")\s+\]', r"[\1, \2]", json.dumps(results, indent=1))
    RESULTS.write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Measure one tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", choices=PEERS)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    save(arguments.tool, measure(arguments.tool, arguments.processes))
    sys.stdout.write(f"{RESULTS}\n")


if __name__ == "__main__":
    main()
