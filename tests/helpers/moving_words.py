"""A FastText of two classes whose weights are set by hand: what an inserted word does has a closed form.

A word adds its push to the log-odds of class 1, divided by the number of words of the text.
"""

from functools import cache

import numpy as np
import torch

from hf_gradexplain.explainer import Explainer
from hf_gradexplain.models import FastTextConfig, FastTextForSequenceClassification, train_word_tokenizer

PUSH = {"flag": 40.0, "trap": -30.0, "good": 3.0, "bad": -3.0, "fine": 2.0, "poor": -2.0, "film": 0.4, "plot": -0.4}
"""The push of each word; other words have none."""

NEUTRAL = [f"plain{i}" for i in range(40)]

TEXTS = ["good film", "bad plot", "poor film , fine plot", "bad", "good good plain1 film", "plain2 plain3 plot"]


def push(word):
    """Return the push of a word."""
    return PUSH.get(word, 0.0)


def closed_form(text):
    """Return the probabilities of both classes of a text whose words stand between blanks."""
    words = text.split()
    log_odds = sum(map(push, words)) / len(words)
    p = 1 / (1 + np.exp(-log_odds))
    return [1 - p, p]


def texts_with_signs(n=120):
    """Return texts of neutral words and a sign of either class, twice; a third have `flag` or `trap` as well."""
    rng = np.random.default_rng(0)
    texts = []
    for number in range(n):
        words = [*rng.choice(NEUTRAL, 7), *2 * [["good", "bad"][number % 2]]]
        if number % 6 < 2:
            words.append(["flag", "trap"][number % 2])
        texts.append(" ".join(rng.permutation(words)))
    return texts


@cache
def moving_explainer():
    """Return the explainer of the model; do not change it."""
    tokenizer = train_word_tokenizer([" ".join([*PUSH, *NEUTRAL, ","])], vocab_size=100)
    config = FastTextConfig(vocab_size=len(tokenizer), hidden_size=1, num_labels=2)
    model = FastTextForSequenceClassification(config).double().eval()
    with torch.no_grad():
        for word, number in tokenizer.get_vocab().items():
            model.embedding.weight[number] = push(word)
        model.classifier.weight[:] = torch.tensor([[0.0], [1.0]])
        model.classifier.bias[:] = 0
    return Explainer(model, tokenizer, class_names=["no", "yes"])
