"""Tests of text pairs: no unit has tokens of both texts, with every kind of tokenizer."""

import numpy as np
import pytest
import torch

from hf_gradexplain.options import CUSTOM
from hf_gradexplain.text.data import NO_UNIT
from hf_gradexplain.text.encode import Encoder
from hf_gradexplain.text.texts import DividedText
from tests.helpers.tiny import explainer, make
from tests.helpers.tokenizers_of_all_kinds import KINDS, tokenizer_of

LONG = "the film is good " * 3, "the end is bad " * 3


def sides_of(document):
    """Return the units of the tokens of each text. All tokenizers of these tests write a separator between them."""
    ordinary = np.flatnonzero(document.unit_of != NO_UNIT)
    border = np.flatnonzero(np.diff(ordinary) > 1)
    assert len(border) == 1
    first, second = np.split(document.unit_of[ordinary], border + 1)
    return first.tolist(), second.tolist()


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("limit", [None, *range(9, 15), 25])
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
