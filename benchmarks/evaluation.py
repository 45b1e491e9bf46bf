"""Compare the time of an evaluation with that of explanations, and time the tables and the report.

    python -m benchmarks.evaluation --texts 400 --documents 25000

For the evaluation, a FastText with random weights explains texts by all seven methods, and evaluates them as
`recipes/evaluate.py` does, up to finished document files. Both run in turns. For the tables and the report, these
documents are repeated with other row numbers as the files of a large run.
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from datasets import Dataset

from benchmarks import workload
from hf_gradexplain.attribution.descriptions import PAPER_METHODS
from hf_gradexplain.evaluation import EvaluatedDocument, default_measures, make_tables, schema, write_documents
from hf_gradexplain.evaluation.report import pack_tasks, write_report
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.models import FastTextConfig, FastTextForSequenceClassification, train_word_tokenizer
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate_texts

OPTIONS = Options(PAPER_METHODS, "word_type")

SHARD = 500
"""Documents per file."""


def fasttext() -> Explainer:
    """Return a FastText with random weights that knows all artificial words."""
    torch.manual_seed(0)
    tokenizer = train_word_tokenizer((f"w{i}" for i in range(workload.VOCABULARY)), vocab_size=workload.VOCABULARY)
    model = FastTextForSequenceClassification(FastTextConfig(vocab_size=len(tokenizer), num_labels=4))
    return Explainer(model.eval(), tokenizer)


def evaluation(kind: str, n: int, repeats: int) -> list[EvaluatedDocument]:
    """Print the time of explaining and of evaluating texts, in turns; return the documents."""
    explainer, texts = fasttext(), workload.texts(kind, n)
    rows, measures = Dataset.from_dict({"id": range(n), "text": texts}), default_measures(explainer.shortcut(OPTIONS))
    documents: list[EvaluatedDocument] = []

    def explain() -> None:
        for scored in explainer.run(texts, OPTIONS):
            scored.explanations()

    def evaluate() -> None:
        documents[:] = evaluate_texts(explainer, rows, OPTIONS, measures)
        with TemporaryDirectory() as folder:
            write_documents(documents, Path(folder, "0.parquet"), schema(PAPER_METHODS, measures))

    explained, evaluated = workload.in_turns([explain, evaluate], repeats)
    ratio, processor = workload.ratios(evaluated, explained)
    a, b = (1000 * workload.wall(times) / n for times in (explained, evaluated))
    print("| texts like | number | explaining, ms a text | evaluating, ms a text | ratio | processor |")
    print("|---|---:|---:|---:|---:|---:|")
    print(f"| {kind} | {n} | {a:.2f} | {b:.2f} | {ratio} | {processor} |\n")
    return documents


def results(documents: list[EvaluatedDocument], n: int) -> None:
    """Print the time of the tables and of the report of a run of `n` documents."""
    with TemporaryDirectory() as folder:
        measures = default_measures(fasttext().shortcut(OPTIONS))
        columns = schema(PAPER_METHODS, measures)
        for start in range(0, n, SHARD):
            rows = range(start, min(start + SHARD, n))
            shard = [replace(documents[row % len(documents)], id=row) for row in rows]
            write_documents(shard, Path(folder, f"{start:08d}.parquet"), columns)
        paths = sorted(Path(folder).glob("*.parquet"))
        make = partial(make_tables, paths, OPTIONS, random_orders=measures.random_orders)
        tables = make()  # to warm up, and to read each file's checksum once
        report, facts = Path(folder, "report.html"), {"Model": "FastText"}

        def write() -> None:
            packed = (pack() for pack in pack_tasks(paths, tables))
            write_report(report, title="Run", facts=facts, tables=tables, documents=packed)

        times = {"tables": workload.seconds(make), "report": workload.seconds(write)}
    print("| documents | work | time, s | processor time, s |")
    print("|---:|---|---:|---:|")
    for name, time in times.items():
        print(f"| {n:,} | {name} | {time.wall:.1f} | {time.processor:.1f} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--like", default="ag_news", choices=workload.LENGTHS)
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--documents", type=int, default=25_000, help="0: no tables and no report")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    documents = evaluation(arguments.like, arguments.texts, arguments.repeats)
    if arguments.documents:
        results(documents, arguments.documents)


if __name__ == "__main__":
    main()
