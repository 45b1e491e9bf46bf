"""Compare methods on planted interactions, where the truth is known, and on real texts.

    python -m benchmarks.interactions --output_file interactions.json
    python -m benchmarks.interactions --model_name_or_path org/model --dataset_name fancyzhx/ag_news

The benchmark shows why other methods beat leave-one-out. If no model is given, small models are trained on the corpus
of `benchmarks/planted_corpus.py`, whose evidence is additive, redundant or conjunctive. Half of the training texts have
masked words, so that the models follow the rule on masked copies as well. Texts have 10 words: all 1,024 masked copies
run, and Shapley values and the best order of removal are exact. If a model is given, the same is measured on a dataset,
but without exact Shapley values and without the best order.

Models that do not learn the rule (accuracy below `--accuracy`) are left out.

All measurements use the unit `word_type`, the target `label` and the baseline zero. Intervals are 95 % percentile
bootstrap intervals over texts; the results of several trainings are first averaged for each text. The output file has
one section for planted interactions and one for real texts.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks import planted_models, removal_orders
from benchmarks.masked_texts import KS, MaskedText, masked_texts, measure, summarise, summarise_additivity
from benchmarks.planted_corpus import CELLS, PlantedText, planted_texts, score
from hf_gradexplain import Explainer
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.evaluation.ground_truth import r_precision
from hf_gradexplain.perturb.orders import removal_ranks

METHODS = ("random", "loo", "signed_gi", "gi_detached", "attn_lrp", "cp_lrp", "integrated_gradients")
STEPS = 10
NEAR_ZERO = 0.05
"""A score is near zero below this share of what all evidence of the text is worth together."""


def masking_scores(text: MaskedText) -> dict[str, np.ndarray]:
    """Return the scores that masking gives, apart from Shapley values."""
    values, n = text.values, len(text.units)
    return {
        "loo_logit": removal_orders.leave_one_out(values.minus_logit, n),
        "one_in": removal_orders.one_in(values.loss, n),
        "removed_and_kept": removal_orders.removed_and_kept(values.loss, n),
        "greedy": removal_orders.greedy(values.loss, n, STEPS),
    }


def measure_planted(text: MaskedText, planted: PlantedText, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return one row per method for a planted text, and one named `best order`."""
    values, n = text.values, len(text.units)
    sets = removal_orders.all_sets(n)
    values.fill(sets)
    text.scores.update(masking_scores(text))
    text.scores["leave_two_out"] = removal_orders.leave_two_out(values.loss, n)
    text.scores["shapley"] = removal_orders.shapley(values.loss, n)
    text.scores["shapley_prob"] = -removal_orders.shapley(values.probability, n)
    supports = np.array([unit in planted.evidence for unit in text.units])
    rows: list[dict[str, Any]] = measure(text, rng)
    for row in rows:
        scores = text.scores[str(row["method"])]
        _, row["r_precision"] = r_precision(removal_ranks(scores, rng), supports) or (False, np.nan)
        row["near_zero"] = near_zero_share(text, str(row["method"]), supports)
        row["r_shapley"] = float(np.corrcoef(scores, text.scores["shapley"])[0, 1]) if np.ptp(scores) else 0.0
    best = removal_orders.best_area(values.probability, n)
    rows.append({"text": text.index, "method": "best order", "aopc_10": best})
    labels = [score([None if m else w for w, m in zip(planted.words, row, strict=True)]) >= 1 for row in sets]
    follows = float(((values.probability(sets) > 0.5) == np.array(labels)).mean())
    joint, singles = removal_orders.additivity(values.odds, supports)
    for row in rows:
        row |= {"follows_rule": follows, "joint": joint, "singles": singles}
    return rows


def near_zero_share(text: MaskedText, method: str, supports: np.ndarray) -> float:
    """Return the share of the evidence whose score is near zero; NaN if the scores are no rises of a value."""
    rises_of = {"loo_logit": text.values.minus_logit, "shapley_prob": lambda masked: -text.values.probability(masked)}
    rises_of |= dict.fromkeys(("loo", "one_in", "removed_and_kept", "leave_two_out", "shapley"), text.values.loss)
    if method not in rises_of:
        return np.nan
    worth, _ = removal_orders.additivity(rises_of[method], supports)
    return float((text.scores[method][supports] < NEAR_ZERO * worth).mean())


def planted_rows(kind: str, seed: int, arguments: argparse.Namespace) -> tuple[pd.DataFrame, float]:
    """Train a model; return the rows of all cells, none if it has not learnt the rule, and its accuracy."""
    model, tokenizer, accuracy = planted_models.train(kind, seed, arguments.masked_share, log)
    if accuracy < arguments.accuracy:
        return pd.DataFrame(), accuracy
    explainer, rows = Explainer(model, tokenizer), []
    for regime, degree in CELLS:
        texts = planted_texts(regime, degree, arguments.texts, seed=0)
        explained = masked_texts(explainer, [t.text for t in texts], [t.label for t in texts], METHODS)
        for text in explained:
            rng = np.random.default_rng((seed, text.index))
            measured = measure_planted(text, texts[text.index], rng)
            rows += [{"cell": f"{regime} {degree}", "seed": seed} | row for row in measured]
        log(f"{kind}, seed {seed}: {regime} {degree}")
    return pd.DataFrame(rows), accuracy


def planted_section(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the results of all models and cells."""
    section: dict[str, Any] = {}
    for kind in arguments.models:
        trained = [planted_rows(kind, seed, arguments) for seed in range(arguments.trainings)]
        section[kind] = {"accuracy": [accuracy for _, accuracy in trained]}
        measured = [part for part, _ in trained if len(part)]
        if not measured:
            continue
        rows = pd.concat(measured, ignore_index=True)
        for cell, part in rows.groupby("cell", sort=False):
            columns = ("aopc_10", "r_precision", "near_zero", "r_shapley")
            section[kind][cell] = {
                "follows_rule": round(float(part["follows_rule"].mean()), 4),
                "singles_over_joint": summarise_additivity(part, "singles", "joint"),
                "methods": summarise(part, columns, ks=(max(KS),)),
            }
    return section


def dataset_section(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the results of a model on a dataset."""
    explainer = Explainer.from_pretrained(arguments.model_name_or_path, device="cpu")
    data = load_texts(arguments.dataset_name, split=arguments.split, max_samples=arguments.texts)
    rows: list[dict[str, Any]] = []
    for i, (text, label) in enumerate(zip(data["text"], data["label"], strict=True)):
        for masked in masked_texts(explainer, [text], [label], METHODS):
            masked.scores.update(masking_scores(masked))
            measured = measure(masked, np.random.default_rng((0, i)))
            rows += [row | {"text": i, "units": len(masked.units)} for row in measured]
        log(f"text {i + 1} of {len(data)}")
    frame = pd.DataFrame(rows)
    table = summarise(frame, ("aopc_10",), additivity=True)
    return {"texts": frame["text"].nunique(), "units": float(frame["units"].mean()), "methods": table}


def log(message: str) -> None:
    """Print progress to the error stream."""
    print(message, file=sys.stderr, flush=True)


def compact(value: Any, depth: int = 0) -> str:
    """Return JSON with one line for each innermost object."""
    if not isinstance(value, Mapping) or not any(isinstance(x, Mapping) for x in value.values()):
        return json.dumps(value)
    inner = ",\n".join(f"{' ' * (depth + 1)}{json.dumps(k)}: {compact(x, depth + 1)}" for k, x in value.items())
    return "{\n" + inner + "\n" + " " * depth + "}"


def print_table(title: str, methods: Mapping[str, Mapping[str, Any]]) -> None:
    """Print one row per method."""
    print(f"\n{title}\n\n| method | AOPC(10) | minus loo |\n|---|---:|---|")
    for method, row in methods.items():
        mean, low, high = row.get("aopc_10_minus_loo", [np.nan] * 3)
        print(f"| {method} | {row['aopc_10'][0]:.3f} | {mean:+.3f} ({low:+.3f} to {high:+.3f}) |")


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["textcnn", "bert"], choices=list(planted_models.MODELS))
    parser.add_argument("--trainings", type=int, default=2, help="trainings of each model")
    parser.add_argument("--accuracy", type=float, default=0.98, help="least accuracy of a training that is measured")
    parser.add_argument("--texts", type=int, default=30, help="texts; on the planted corpus, of each regime and degree")
    parser.add_argument(
        "--masked_share", type=float, default=0.5, help="share of the training texts whose words are masked at random"
    )
    parser.add_argument("--model_name_or_path")
    parser.add_argument("--dataset_name")
    parser.add_argument("--split", default="test")
    parser.add_argument("--section", help="name of the section in the output file")
    parser.add_argument("--output_file", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(argv)


def main() -> None:
    """Measure, print tables, and write a section of the output file."""
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    command = "python -m benchmarks.interactions " + shlex.join(sys.argv[1:])
    if arguments.model_name_or_path:
        results = dataset_section(arguments)
        print_table(arguments.dataset_name, results["methods"])
    else:
        results = planted_section(arguments)
        for kind, cells in results.items():
            for cell in cells:
                if cell != "accuracy":
                    print_table(f"{kind}, {cell}", cells[cell]["methods"])
    if arguments.output_file:
        name = arguments.section or ("dataset" if arguments.model_name_or_path else "planted")
        known = json.loads(arguments.output_file.read_text()) if arguments.output_file.exists() else {}
        known[name] = {"command": command} | results
        arguments.output_file.write_text(compact(known) + "\n")


if __name__ == "__main__":
    main()
