"""The planted ground truth holds in every text, models learn it, and it is the same on every machine."""

from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from hf_gradexplain.corpus import synthetic
from hf_gradexplain.corpus.synthetic import AGAINST, CLASSES, make_corpus, words_of
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.models import FastTextConfig, FastTextForSequenceClassification
from hf_gradexplain.models.tokenization import train_word_tokenizer
from hf_gradexplain.run.fingerprints import texts_fingerprint


@pytest.fixture(scope="module")
def corpus():
    return make_corpus()


def _rows(corpus):
    return [(words_of(row["text"]), row["label"]) for split in (corpus.train, corpus.test) for row in split]


def test_same_arguments_give_the_same_texts(corpus):
    digests = [texts_fingerprint(corpus.train), texts_fingerprint(corpus.test)]
    assert [digest[:16] for digest in digests] == ["edffd0391296254e", "d569d0eb13e6240b"]
    assert texts_fingerprint(make_corpus(seed=1).train) != digests[0]
    assert make_corpus(n_train=10, n_test=4).train["text"][:] == corpus.train["text"][:10]


def test_splits_have_the_columns_of_labelled_texts(corpus):
    for split, size in ((corpus.train, 2000), (corpus.test, 200)):
        assert split.column_names == ["id", "text", "label"]
        assert split["id"][:] == list(range(size))
        assert split.features["label"].names == list(CLASSES)
        assert Counter(split["label"]) == dict.fromkeys(range(4), size // 4)


def test_a_text_drawn_twice_is_drawn_again():
    corpus = make_corpus(seed=28, n_train=495, n_test=5)  # the first draw for row 495 repeats an earlier text
    assert len({*corpus.train["text"], *corpus.test["text"]}) == 500


def test_label_is_the_class_of_the_highest_sum_of_weights(corpus):
    for words, label in _rows(corpus):
        scores = [sum(corpus.weight(word, c) for word in words) for c in range(len(CLASSES))]
        others = scores[:label] + scores[label + 1 :]
        assert scores[label] >= max(others) + 1
        assert sum(word in corpus.evidence for word in words) >= 3


def test_weights_sum_to_zero_over_classes(corpus):
    assert all(sum(weights) == 0 and any(weights) for weights in corpus.evidence.values())
    assert corpus.evidence["fog"] == (1.5, -0.5, -0.5, -0.5)
    assert corpus.evidence["damp"] == (0.75, -0.25, -0.25, -0.25)
    assert corpus.evidence["rope"] == (-0.5, 0.5, 0.5, -0.5)
    assert corpus.evidence["silent"] == (0.5, 0.5, 0.5, -1.5)


def test_weight_of_a_word(corpus):
    assert corpus.weight("Silent", 3) == -1.5
    assert corpus.weight("the", 3) == 0.0
    assert corpus.weight("Silent, the fog: silent.", 3) == -3.0 + corpus.weight("fog", 3)
    for label in (-1, 4):
        with pytest.raises(GradexplainError, match=f"from 0 to 3, the id of a class; it is {label}"):
            corpus.weight("fog", label)


def test_every_word_is_listed_once():
    parts = [words for by_part in synthetic.SPECIFIC.values() for words in by_part.values()]
    parts += [*synthetic.SHARED.values(), *AGAINST.values(), *synthetic.NEUTRAL.values()]
    counts = Counter(word for words in parts for word in words.split())
    assert set(counts.values()) == {1}
    templates = " ".join([*synthetic.OPENINGS, *synthetic.SEQUELS, *synthetic.FILLERS.values()])
    assert not counts.keys() & set(words_of(templates))


def test_words_against_a_class_occur_in_all_classes_but_that_one(corpus):
    labels = {(word, label) for words, label in _rows(corpus) for word in words}
    for absent, name in enumerate(CLASSES):
        for word in AGAINST[name].split():
            assert [label for label in range(4) if (word, label) not in labels] == [absent]


def test_texts_are_varied_and_no_word_determines_the_label(corpus):
    rows = _rows(corpus)
    lengths = [len(words) for words, _ in rows]
    assert (min(lengths), max(lengths)) == (5, 40)
    conflicting = [any(corpus.weight(word, label) < 0 for word in words) for words, label in rows]
    repeating = [
        any(n > 1 for word, n in Counter(words).items() if corpus.weight(word, label)) for words, label in rows
    ]
    assert np.mean(conflicting) > 0.5
    assert np.mean(repeating) > 0.2
    labels = defaultdict(Counter)
    for words, label in rows:
        for word in set(words):
            labels[word][label] += 1
    assert all(len(counts) >= 3 and max(counts.values()) < 0.92 * counts.total() for counts in labels.values())
    frequent_everywhere = {word for word, counts in labels.items() if min(counts[c] for c in range(4)) > 20}
    assert len(frequent_everywhere - corpus.evidence.keys()) > 40


def test_linear_model_learns_the_planted_weights(corpus):
    vectorizer = CountVectorizer(token_pattern=r"\w+")
    model = LogisticRegression(C=100, max_iter=2000)
    model.fit(vectorizer.fit_transform(corpus.train["text"][:]), corpus.train["label"][:])
    assert model.score(vectorizer.transform(corpus.test["text"][:]), corpus.test["label"][:]) >= 0.97
    learned = {word: model.coef_[:, i] for word, i in vectorizer.vocabulary_.items()}
    _assert_planted_signs(corpus, learned)


def test_fasttext_learns_the_planted_weights(corpus):
    torch.manual_seed(0)
    tokenizer = train_word_tokenizer(corpus.train["text"], vocab_size=500)
    config = FastTextConfig(vocab_size=len(tokenizer), hidden_size=16, num_labels=len(CLASSES))
    model = FastTextForSequenceClassification(config)
    inputs = tokenizer(corpus.train["text"][:], padding=True, return_tensors="pt")
    inputs["labels"] = torch.tensor(corpus.train["label"][:])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        model(**inputs).loss.backward()
        optimizer.step()
    with torch.no_grad():
        predicted = model(**tokenizer(corpus.test["text"][:], padding=True, return_tensors="pt")).logits.argmax(-1)
        contributions = model.classifier(model.get_input_embeddings().weight) - model.classifier.bias
    assert np.mean(predicted.numpy() == corpus.test["label"][:]) >= 0.97
    centred = (contributions - contributions.mean(-1, keepdim=True)).numpy()
    _assert_planted_signs(corpus, {word: centred[i] for word, i in tokenizer.get_vocab().items()})


def _assert_planted_signs(corpus, learned):
    """The learned weights have the planted signs; the small negative weights (-0.25) may differ."""
    planted = np.array(list(corpus.evidence.values()))
    weights = np.array([learned[word] for word in corpus.evidence])
    clear = planted != -0.25
    assert (np.sign(weights[clear]) == np.sign(planted[clear])).all()
    assert np.corrcoef(planted.ravel(), weights.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("sizes", [(0, 5), (5, 0)])
def test_sizes_must_be_positive(sizes):
    with pytest.raises(GradexplainError, match=f"at least 1; they are {sizes[0]} and {sizes[1]}"):
        make_corpus(0, *sizes)
