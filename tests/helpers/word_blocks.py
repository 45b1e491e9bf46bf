"""Blocks of explained documents, written by hand."""

import numpy as np

from hf_gradexplain.audit.read_words import WordBlock


def word_block(*documents, target=None, prediction=None, label=None, ids=None):
    """Return a block of documents, each a mapping from the code of a word to its score by `loo`."""
    n = len(documents)
    classes = {"target": target, "prediction": prediction, "label": label, "ids": ids}
    arrays = {name: np.zeros(n, int) if given is None else np.array(given) for name, given in classes.items()}
    if ids is None:
        arrays["ids"] = np.arange(n)
    scores = np.array([score for document in documents for score in document.values()], dtype=float)
    return WordBlock(
        **arrays,
        probability=np.ones(n),
        document=np.repeat(np.arange(n), [len(document) for document in documents]),
        word=np.array([word for document in documents for word in document], dtype=int),
        scores={"loo": scores},
        drop=np.full(len(scores), np.nan),
    )
