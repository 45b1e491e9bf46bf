"""Document files of made-up words and scores, for tests of statistics over words."""

import numpy as np

from hf_gradexplain.evaluation.documents import EvaluatedDocument, schema, write_documents
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.text.unit import Unit

CLASSES = ("World", "Sports", "Business")


def make_document(number, words, scores, *, label=None, target=0, prediction=0, p=0.9, objective="loss"):
    """Return a document of these words, one unit each, with the scores of each method `(U,)`."""
    starts = np.cumsum([0, *(len(word) + 1 for word in words)])
    explanation = Explanation(
        text=" ".join(words),
        units=tuple(Unit(word, ((int(at), int(at) + len(word)),)) for word, at in zip(words, starts, strict=False)),
        scores={name: np.asarray(values, dtype=float) for name, values in scores.items()},
        target=target,
        target_label=CLASSES[target],
        prediction=prediction,
        prediction_label=CLASSES[prediction],
        probabilities=np.where(np.arange(len(CLASSES)) == target, p, (1 - p) / (len(CLASSES) - 1)),
        objective=objective,
        unit="word_type",
        class_names=CLASSES,
    )
    curves = {name: np.full(len(words) + 1, p) for name in scores}
    return EvaluatedDocument(number, label, explanation, curves, correlations={})


def write(documents, folder, files=1):
    """Write documents to a number of files in a folder, and return these."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03d}.parquet" for number in range(files)]
    for path, part in zip(paths, np.array_split(np.arange(len(documents)), files), strict=True):
        chosen = [documents[number] for number in part]
        write_documents(chosen, path, schema(list(documents[0].explanation.scores)))
    return paths


def random_documents(n, *, seed=0, vocabulary=14, methods=("loo", "signed_gi"), boost=()):
    """Return documents of random words, some twice, with random scores; the words in `boost` have higher ones."""
    rng = np.random.default_rng(seed)
    documents = []
    for number in range(n):
        words = [f"w{code}" for code in rng.integers(0, vocabulary, rng.integers(0, 12))]
        high = np.array([word in boost for word in words], dtype=float)
        scores = {name: rng.normal(0.1, 1, len(words)) + 3 * high for name in methods}
        kinds = {"target": int(rng.integers(3)), "prediction": int(rng.integers(3)), "p": float(rng.uniform(0.3, 1))}
        label = int(rng.integers(3)) if rng.random() < 0.8 else None
        documents.append(make_document(3 * number, words, scores, label=label, **kinds))
    return documents
