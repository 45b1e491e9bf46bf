"""Tests of text pairs, with every kind of tokenizer: no unit has tokens of both texts, and each has its own cut."""

import re

import numpy as np
import pytest
import torch
from datasets import Dataset

from hf_gradexplain.evaluation.documents import iterate_documents, schema, write_documents
from hf_gradexplain.options import CUSTOM, Options
from hf_gradexplain.run.runner import evaluate_texts, more_columns
from hf_gradexplain.text.data import NO_UNIT
from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.texts import DividedText
from tests.helpers.tiny import explainer, make
from tests.helpers.tokenizers_of_all_kinds import KINDS, tokenizer_of

LONG = "the film is good " * 2 + "the film is good", "the end is bad " * 2 + "the end is bad"


def sides_of(document):
    """Return the units of the tokens of each text. All tokenizers of these tests write a separator between them."""
    ordinary = np.flatnonzero(document.unit_of != NO_UNIT)
    border = np.flatnonzero(np.diff(ordinary) > 1)
    assert len(border) == 1
    first, second = np.split(document.unit_of[ordinary], border + 1)
    return first.tolist(), second.tolist()


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("limit", [None, 9, 10, 12, 25])
@pytest.mark.parametrize("kind", KINDS)
def test_no_unit_has_tokens_of_both_texts(kind, limit, side):
    encoder = Encoder(tokenizer_of(kind, truncation_side=side), limit, "word")
    for pair in (("film film ", "bad end"), ("film\u3000\n ", " bad"), ("a film\t", "\n bad end"), LONG):
        (document,) = encoder([pair])
        first, second = sides_of(document)
        assert set(first).isdisjoint(second)
        for unit in document.units:
            ((start, end),) = unit.spans
            assert end <= len(pair[0]) or start >= document.pair_start
            assert unit.text.isspace() or not any(map(str.isspace, unit.text))


@pytest.mark.parametrize("kind", ["byte_level_untrimmed", "character_level", "canine", "byt5", "perceiver"])
def test_a_blank_at_the_end_of_the_first_text_belongs_to_its_last_word(kind):
    (document,) = Encoder(tokenizer_of(kind), None, "word")([("film film ", "bad end")])
    first, second = sides_of(document)
    assert [unit.text for unit in document.units] == ["film", "film", "bad", "end"]
    assert (first[-1], second[0]) == (1, 2)


@pytest.mark.parametrize("kind", ["byte_level_untrimmed", "character_level", "canine", "byt5", "perceiver"])
def test_white_space_alone_is_a_unit_of_its_text(kind):
    (document,) = Encoder(tokenizer_of(kind), None, "word")([("  ", "film")])
    assert [unit.spans for unit in document.units] == [((0, 2),), ((3, 7),)]
    assert set(sides_of(document)[0]) == {0}


@pytest.mark.parametrize("kind", KINDS)
def test_a_blank_outside_of_the_given_spans_is_not_taken_from_the_other_text(kind):
    """It belongs to the span of the token before it, as at the end of a single text."""
    pair, spans = ("film film ", "bad end"), ((0, 4), (11, 14), (15, 18))
    encoder = Encoder(tokenizer_of(kind), None, CUSTOM)
    (whole,) = encoder([DividedText(pair, ((0, 4), (5, 9), *spans[1:]))])
    first, second = sides_of(whole)
    assert (set(first), set(second)) == ({0, 1}, {2, 3})
    (document,) = encoder([DividedText(pair, spans)])
    alone = encoder([DividedText(pair[0], spans[:1])])[0].unit_of.tolist()
    assert document.unit_of.tolist().count(0) == alone.count(0)
    assert (document.unit_of == 1).sum() == (whole.unit_of == 2).sum()


def kept_of(tokenizer, pair, limit):
    """Return which characters of each text the model reads: from the first to the last one, by the tokenizer itself."""
    read = tokenizer(*pair, truncation="longest_first", max_length=limit, return_special_tokens_mask=True)
    if tokenizer.is_fast:
        of_tokens = list(zip(read.sequence_ids(), read.encodings[0].offsets, strict=True))
        spans = [[span for number, span in of_tokens if number == side] for side in (0, 1)]
        return [(min(a for a, _ in of_text), max(b for _, b in of_text)) for of_text in spans]
    flags = "".join(map(str, read["special_tokens_mask"]))  # without offsets, each token is a character
    counts = [len(run) for run in flags.split("1") if run]
    left = tokenizer.truncation_side == "left"
    return [(len(text) - n, len(text)) if left else (0, n) for text, n in zip(pair, counts, strict=True)]


@pytest.mark.filterwarnings("ignore:Be aware, overflowing tokens")
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("limit", [12, 25, 70])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_cut_of_each_text_is_unread(kind, limit, side):
    tokenizer = tokenizer_of(kind, truncation_side=side)
    for pair in (LONG, (LONG[0], "bad"), ("good", LONG[1])):
        (document,) = Encoder(tokenizer, limit, "word")([pair])
        expected = []
        for text, base, (first, last) in zip(
            pair, (0, document.pair_start), kept_of(tokenizer, pair, limit), strict=True
        ):
            if text[:first].strip() or last < len(text):
                expected.append((base, base + first) if side == "left" else (base + last, base + len(text)))
        found = document.unread
        if side == "left":  # some tokenizers do not report the blank before a word
            found, expected = ([(a, a + len(document.text[a:b].rstrip())) for a, b in s] for s in (found, expected))
        assert list(found) == expected
        assert document.truncated_at == (expected[0][0] if expected else None)


def test_nothing_of_a_pair_that_fits_is_unread_and_the_rest_of_a_text_is():
    documents = Encoder(tokenizer_of("word_piece"), 20, "word")([("the film", "is good"), "film " * 50])
    cut = documents[1].truncated_at
    assert 5 < cut < 250
    assert [document.unread for document in documents] == [(), ((cut, 250),)]
    assert documents[0].truncated_at is None


PAIR = "the film is good " * 20, "the end is bad " * 20


def explained(kind="bert", **more):
    options = {"tokenizer_kwargs": {"max_length": 24}, "self_check": False, **more}
    return explainer(kind)(PAIR, methods="loo", **options)


@pytest.mark.parametrize("side", ["right", "left"])
def test_displays_show_what_is_cut_of_both_texts(side):
    explanation = explained(tokenizer_kwargs={"max_length": 24, "truncation_side": side})
    (first, second), text = explanation.unread, explanation.text
    start = explanation.pair_start
    assert (first[0], second[0]) == (0, start) if side == "left" else (first[1], second[1]) == (start - 1, len(text))
    grey = re.findall(r'<span class="unread">(.*?)</span>', explanation.to_html(), flags=re.DOTALL)
    assert "".join(grey) == "".join(text[slice(*span)] for span in (first, second))
    n = sum(end - start for start, end in (first, second))
    assert f"the model did not read the grey text, {n:,} of {len(text):,} characters: it is truncated" in (
        explanation.to_html()
    )


def test_runs_keep_what_is_cut_of_both_texts(tmp_path):
    options = Options(methods=("loo",), target="predicted", tokenizer_kwargs={"max_length": 24})
    texts = Dataset.from_dict({"id": [0, 1], "text": [PAIR[0], "the film"], "text_pair": [PAIR[1], "is good"]})
    documents, path = evaluate_texts(explainer("bert"), texts, options), tmp_path / "00000000.parquet"
    more = more_columns(texts, options)
    assert more == ["unread"]
    write_documents(documents, path, schema(options.methods, more=more))
    cut, whole = (document.explanation for document in iterate_documents([path]))
    assert cut.unread == documents[0].explanation.unread == explained().unread
    assert len(cut.unread) == 2
    assert (whole.unread, whole.truncated_at) == ((), None)
    assert more_columns(texts.remove_columns("text_pair"), options) == []


def test_of_a_text_that_is_cut_inside_of_a_character_nothing_is_empty():
    """The later tokens of a character have no characters of their own."""
    explanation = explainer("gpt2")(
        "ab電影", methods="loo", unit="token", tokenizer_kwargs={"max_length": 5}, self_check=False
    )
    assert explanation.unread == ((3, 4),)
    inside = explainer("gpt2")("ab電影", methods="loo", tokenizer_kwargs={"max_length": 6}, self_check=False)
    assert inside.unread == ()
    assert "NOT READ" in explanation.to_html()
    assert "NOT READ" not in inside.to_html()


def test_leave_one_out_masks_a_blank_with_the_word_before_it():
    explain, pair = explainer("gpt2"), ("film film ", "bad end")
    explanation = explain(pair, methods="loo", labels=[1], self_check=False)
    model, tokenizer = make("gpt2")
    ids = torch.tensor([tokenizer(*pair)["input_ids"]])
    assert tokenizer.convert_ids_to_tokens(ids[0].tolist()) == ["fi", "lm", "Ġfilm", "Ġ", "bad", "Ġend"]

    def loss(zeroed):
        vectors = model.get_input_embeddings()(ids).detach().clone()
        vectors[0, zeroed] = 0
        return -model(inputs_embeds=vectors).logits.log_softmax(-1)[0, 1].item()

    by_hand = [loss(zeroed) - loss([]) for zeroed in ([0, 1], [2, 3], [4], [5])]
    assert explanation.scores["loo"] == pytest.approx(by_hand, abs=1e-12)
