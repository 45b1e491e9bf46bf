"""The suspicious words of a finished run, inserted into fresh texts: how many do what the list says.

    python -m benchmarks.fresh_texts RUN --dataset_name stanfordnlp/imdb

The list is that of `hf-gradexplain words RUN --suspicious`. Everything else shares no code with it: the model is loaded
by transformers, the texts are of the same split and not among those of the run, and words are inserted as strings
between blanks, at random places. A word is a *false discovery* if it does not flip 3 points more of these texts to its
class than ordinary words do: the median of 60 words of the training split, about as common in each class. It is *like
ordinary words* if 5 % or more of these flip as many texts.
"""

import argparse
import json
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from benchmarks.planted_word_models import ordinary_words
from benchmarks.planted_words import ORDINARY, HeldOut, judge, load_rows, print_rate
from hf_gradexplain.commands.suspicious_words import suspicious_words_of
from hf_gradexplain.options.words import InsertionTest
from hf_gradexplain.run.finished_run import open_run


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the output folder of `hf-gradexplain evaluate`")
    parser.add_argument("--dataset_name", required=True, help="the dataset of the run")
    parser.add_argument("--split", default="test", help="the split of the run")
    parser.add_argument("--n", type=int, default=1000, help="fresh texts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="a JSON file of all words on the list")
    return parser.parse_args(argv)


def main() -> None:
    """Print how many words on the list are false."""
    arguments = parse()
    torch.set_num_threads(1)
    run, rng = open_run(arguments.run), Random(arguments.seed)
    listed = suspicious_words_of(run, None, InsertionTest()).found
    rows, n_classes = load_rows(arguments.dataset_name, arguments.split)
    audited = set(pd.concat([pd.read_parquet(path, columns=["text"]) for path in run.documents])["text"])
    fresh = rng.sample([row for row in rows if row[0] not in audited], arguments.n)
    name = run.arguments["model_name_or_path"]
    model = AutoModelForSequenceClassification.from_pretrained(name).eval()
    tokenizer = AutoTokenizer.from_pretrained(name)
    truth = HeldOut(model, tokenizer, fresh, n_classes, arguments.seed)
    plain = rng.sample(ordinary_words(load_rows(arguments.dataset_name, "train")[0], n_classes), ORDINARY)
    ordinary = np.array([truth.flips(word) for word in plain])
    checked = []
    for row in listed.to_dict("records"):
        target = model.config.label2id[row["class"]]
        checked.append({"word": row["word"], "target": target, "listed": row["flips"]})
        checked[-1] |= judge(truth.flips(row["word"])[target], ordinary[:, target])
    print(
        f"{len(checked)} words on the list; ordinary words flip {ordinary.mean():.2%}\n\n| | | rate | 95 % interval |"
    )
    print("|---|---|---|---|")
    print_rate("false discoveries", sum(word["false"] for word in checked), len(checked))
    print_rate("like ordinary words", sum(word["alike"] for word in checked), len(checked))
    if arguments.output:
        arguments.output.write_text(json.dumps(checked, indent=1))


if __name__ == "__main__":
    main()
