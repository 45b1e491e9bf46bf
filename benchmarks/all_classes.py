"""Compare one backward pass for several classes with one backward pass per class.

    python -m benchmarks.all_classes --threads 2
    python -m benchmarks.all_classes --model_name_or_path FOLDER --classes 4 10

Each row is a ratio of times from a batch of texts to `signed_gi` for all classes: the time with one backward pass for
up to 16 classes, divided by the time with one pass per class. Both run in turns in one process. The table has the
median of the ratio over the rounds, the minimum and the maximum, and the ratio of processor times. The model is a BERT
of 6 layers and 384 dimensions with random weights, unless a model is given.
`hf_gradexplain.attribution.gradients.TOGETHER` is set to where the ratio reaches 1.
"""

import argparse

import torch
from transformers import AutoModelForSequenceClassification

from benchmarks import workload
from benchmarks.memory import texts_of
from hf_gradexplain.attribution import gradients
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options

ALWAYS, NEVER = 10**9, 0
"""Values of `TOGETHER`."""


def row(explainer: Explainer, n_texts: int, tokens: int, classes: int, repeats: int) -> str:
    """Return a row of the table."""
    options = Options("signed_gi", "token", target="all", top_classes=classes, batch_tokens=10**6)
    texts = texts_of(tokens - 2, n_texts)

    def run(together: int) -> None:
        gradients.TOGETHER = together
        explainer.explanations(texts, options)

    one, several = workload.in_turns([lambda: run(ALWAYS), lambda: run(NEVER)], repeats)
    return f"| {n_texts} | {tokens} | {classes} | {' | '.join(workload.ratios(one, several))} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--model_name_or_path", help="a model that reads at least 20,000 token ids, in place of the BERT"
    )
    parser.add_argument("--classes", type=int, nargs="+", default=[4, 10])
    parser.add_argument("--tokens", type=int, nargs="+", default=[12, 25, 50, 100, 200])
    parser.add_argument("--texts", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("| texts | tokens of each | classes | one pass ÷ a pass per class | processor |\n|---:|---:|---:|---:|---:|")
    for classes in arguments.classes:
        model = workload.bert(6, 384, labels=classes)
        if arguments.model_name_or_path:
            model = AutoModelForSequenceClassification.from_pretrained(
                arguments.model_name_or_path, num_labels=classes, ignore_mismatched_sizes=True
            ).eval()
        explainer = Explainer(model, workload.tokenizer())
        for n_texts in arguments.texts:
            for tokens in arguments.tokens:
                print(row(explainer, n_texts, tokens, classes, arguments.repeats), flush=True)


if __name__ == "__main__":
    main()
