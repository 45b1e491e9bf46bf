"""Rankings, against the model run on each pair of the query and a document by itself."""

import re
from copy import copy

import numpy as np
import pandas as pd
import pytest
import torch

from hf_gradexplain import Explainer, Explanation, Explanations
from hf_gradexplain.errors import GradexplainError
from tests.helpers.hostile import HTML
from tests.helpers.naive import NaiveReader, gradient_score
from tests.helpers.tiny import explainer, make
from tests.loading.test_accepted import CrossEncoder

KINDS = ("bert", "gpt2", "bart")
QUERY = "good film"
DOCUMENTS = ("the bad actor is bad", "the film is good , very good", "music of this film", "")
METHODS = ("loo", "signed_gi", "sa_l2")


@pytest.fixture(params=KINDS)
def explain(request):
    return explainer(request.param, "regression")


class Pair(NaiveReader):
    """The oracle for a pair: `words` are the tokens of each word of the query, and of each word of the document."""

    def __init__(self, explain, document):
        def tokenizer(_, **options):  # of a pair alone, transformers leaves out an empty second text
            self.encoded = explain.tokenizer([QUERY], [document], **options)
            return {name: values[0] for name, values in self.encoded.items()}

        tokenizer.unk_token_id = explain.tokenizer.unk_token_id
        super().__init__(explain.model, tokenizer, "")
        part_of = self.encoded.sequence_ids()
        self.words = []
        for k, text in enumerate((QUERY, document)):
            part = copy(self)
            part.text, part.tokens = text, [t for t in self.tokens if part_of[t] == k]
            self.words.append(part.units("word"))

    def score(self, removed=()):
        return self.logits_without(list(removed))[0].item()


def pairs_of(explain, ranking):
    return [Pair(explain, DOCUMENTS[i]) for i in ranking.order]


def test_the_order_is_that_of_the_logits(explain):
    ranking = explain.rank(QUERY, DOCUMENTS)
    by_hand = [Pair(explain, document).score() for document in DOCUMENTS]
    np.testing.assert_allclose(ranking.scores, by_hand, rtol=1e-12)
    np.testing.assert_array_equal(ranking.outputs, ranking.scores)
    assert list(ranking.order) == sorted(range(4), key=lambda i: -by_hand[i])
    frame = ranking.to_frame()
    assert frame.columns.tolist() == ["rank", "document", "score", "output", "text"]
    assert frame["text"].tolist() == [DOCUMENTS[i] for i in frame["document"]]
    assert frame["rank"].tolist() == [1, 2, 3, 4]
    assert frame["score"].is_monotonic_decreasing
    top = explain.rank(QUERY, pd.Series(DOCUMENTS), top=2)
    assert (top.order, len(top), len(top.scores)) == (ranking.order[:2], 2, 4)
    assert explain.rank(QUERY, DOCUMENTS, top=np.int64(2)).order == ranking.order[:2]
    assert explain.rank(QUERY, DOCUMENTS, top=1).order == ranking.order[:1]
    assert explain.rank(QUERY, []).order == ()


def test_why_is_the_difference_of_logits_by_hand(explain):
    ranking = explain.rank(QUERY, DOCUMENTS, METHODS)
    found = ranking.why(1, 3)
    first, _, second, _ = pairs_of(explain, ranking)
    texts = [DOCUMENTS[ranking.order[i]] for i in (0, 2)]
    assert found.text == "\n".join([QUERY, *texts])
    assert [unit.text for unit in found] == [w for text in (QUERY, *texts) for w in re.findall(r"\w+|[^\w\s]", text)]
    probability = 1 / (1 + np.exp(second.score() - first.score()))
    assert found.probabilities[0] == pytest.approx(probability, rel=1e-12)
    units = [((first, a), (second, b)) for a, b in zip(first.words[0], second.words[0], strict=True)]
    units += [((reader, tokens),) for reader in (first, second) for tokens in reader.words[1]]
    assert len(units) == len(found)
    signs = {first: 1, second: -1}
    grads = {reader: reader.gradients(lambda x, sign=sign: -sign * x[0]) for reader, sign in signs.items()}
    for u, parts in enumerate(units):
        loo = sum(signs[reader] * (reader.score() - reader.score(tokens)) for reader, tokens in parts)
        assert found["loo"][u] == pytest.approx(loo, rel=1e-9, abs=1e-12)
        everything = [(reader, t) for reader, tokens in parts for t in tokens]
        numbers = range(len(everything))
        ids = [reader.ids[t] for reader, t in everything]
        grad = {k: grads[reader][t] for k, (reader, t) in enumerate(everything)}
        vector = {k: reader.vector(t) for k, (reader, t) in enumerate(everything)}
        for method in METHODS[1:]:
            expected = gradient_score(method, list(numbers), ids, grad, vector)
            assert found[method][u] == pytest.approx(expected, rel=1e-9, abs=1e-12), method


def test_the_ranks_swap(explain):
    methods = ("loo", "signed_gi", "attn_lrp")
    ranking = explain.rank(QUERY, DOCUMENTS, methods, unit="token")
    one, other = ranking.why(), ranking.why(2, 1)
    n = {role: sum(unit.role == role for unit in one) for role in ("query", "rank 1", "rank 2")}
    places = np.cumsum([n["query"], n["rank 1"]])
    for method in methods:
        query, first, second = np.split(one[method], places)
        swapped = np.split(other[method], np.cumsum([n["query"], n["rank 2"]]))
        for mine, theirs in zip((query, second, first), swapped, strict=True):
            np.testing.assert_allclose(mine, -theirs, rtol=1e-9, atol=1e-12)
        alone = [explain((QUERY, DOCUMENTS[i]), method, "token", self_check=False)[method] for i in ranking.order[:2]]
        np.testing.assert_allclose(first, alone[0][n["query"] :], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(second, -alone[1][n["query"] :], rtol=1e-9, atol=1e-12)
        difference = alone[0][: n["query"]] - alone[1][: n["query"]]
        np.testing.assert_allclose(query, difference, rtol=1e-9, atol=1e-12)
    assert one.question == "rank 1 rather than rank 2"
    assert one.probabilities[0] == pytest.approx(other.probabilities[1], rel=1e-12)


def test_occurrences_of_a_word_are_one_unit_in_the_query_and_in_both_documents():
    explain = explainer("bert", "regression")
    documents = ["the film is good , very good", "a bad film"]
    words, types = (explain.rank(QUERY, documents, "signed_gi", unit).why() for unit in ("word", "word_type"))
    assert [unit.text for unit in types] == list(dict.fromkeys(unit.text for unit in words))
    (film,) = [u for u, unit in enumerate(types) if unit.text == "film"]
    expected = sum(x for unit, x in zip(words, words["signed_gi"], strict=True) if unit.text == "film")
    assert types["signed_gi"][film] == pytest.approx(expected, rel=1e-9)
    assert len(types.units[film].spans) == 3
    by_word, by_type = (explain.rank(QUERY, documents, unit=unit).table() for unit in ("word", "word_type"))
    pd.testing.assert_frame_equal(by_word, by_type)


def test_larger_units():
    explain = explainer("bert", "regression")
    documents = ["The film is good. Very good!", "A bad film"]
    ranking = explain.rank("Good film? The end", documents, "loo", "sentence")
    found = ranking.why(ranking.order.index(0) + 1, ranking.order.index(1) + 1)
    sentences = ["Good film?", "The end", "The film is good.", "Very good!", "A bad film"]
    assert [unit.text.strip() for unit in found] == sentences
    assert ranking.table(ranking.order.index(0) + 1).shape == (2, 2)
    preference = explain.prefer(*documents, "loo", "sentence")
    assert (len(preference.chosen), len(preference.rejected)) == (2, 1)


def test_the_query_and_the_documents_may_come_with_their_units(explain):
    def words(text):
        asked.append(text)
        return [(found.start(), found.end()) for found in re.finditer(r"\w+|[^\w\s]", text)]

    asked = []
    by_word, own = explain.rank(QUERY, DOCUMENTS, METHODS), explain.rank(QUERY, DOCUMENTS, METHODS, units=words)
    assert set(asked) == {QUERY, *DOCUMENTS}
    np.testing.assert_allclose(own.scores, by_word.scores, rtol=1e-12)
    expected, found = by_word.why(1, 3), own.why(1, 3)
    assert [(unit.text, unit.role) for unit in found] == [(unit.text, unit.role) for unit in expected]
    assert found.unit == "custom"
    for method in METHODS:
        np.testing.assert_allclose(found[method], expected[method], rtol=1e-9, atol=1e-12)
    pd.testing.assert_frame_equal(own.table(), by_word.table())
    first = explain.rank(QUERY, DOCUMENTS, "loo", units=lambda text: words(text)[:1]).why(1, 3)
    beginnings = [text.split()[:1] for text in (QUERY, *(DOCUMENTS[own.order[i]] for i in (0, 2)))]
    assert [[unit.text] for unit in first] == [each for each in beginnings if each]


def test_the_table_is_that_of_pairs_of_removed_words_by_hand(explain):
    ranking = explain.rank(QUERY, DOCUMENTS)
    for rank in (1, 2, 4):
        pair, table = pairs_of(explain, ranking)[rank - 1], ranking.table(rank)
        of_query, of_document = pair.words
        assert table.index.tolist() == QUERY.split()
        assert table.columns.tolist() == re.findall(r"\w+|[^\w\s]", DOCUMENTS[ranking.order[rank - 1]])
        for i, a in enumerate(of_query):
            for j, b in enumerate(of_document):
                expected = pair.score() - pair.score(a) - pair.score(b) + pair.score([*a, *b])
                assert table.iloc[i, j] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_without_arguments_the_first_two_are_compared_and_the_table_is_that_of_the_first():
    ranking = explainer("fasttext", "regression").rank(QUERY, DOCUMENTS, "loo")
    assert ranking.why().to_dict() == ranking.why(1, 2).to_dict()
    pd.testing.assert_frame_equal(ranking.table(), ranking.table(1))
    assert not ranking.table().equals(ranking.table(2))


@pytest.mark.parametrize(
    ("given", "checks"), [({}, True), ({"self_check": True}, True), ({"self_check": False}, False)]
)
def test_why_checks_itself_unless_this_is_turned_off(given, checks):
    ranking = explainer("fasttext", "regression").rank(QUERY, DOCUMENTS, "loo", **given)
    assert bool(ranking.why().self_check) is checks


def test_words_whose_effects_add_up_do_not_interact():
    additive = explainer("fasttext", "regression").rank(QUERY, DOCUMENTS).table()
    np.testing.assert_allclose(additive, 0, atol=1e-12)


def test_a_table_says_how_many_copies_it_takes():
    ranking = explainer("bert", "regression").rank(QUERY, ["the film is bad"])
    assert ranking.table(max_copies=14).shape == (2, 4)
    with pytest.raises(GradexplainError) as error:
        ranking.table(max_copies=13)
    assert str(error.value) == (
        "the table of 2 units of the query and 4 of the document takes 14 masked copies, more than 13: give "
        "max_copies=14, or call rank with a larger unit"
    )


def test_a_table_of_a_long_text_is_refused_unless_it_is_asked_for():
    ranking = explainer("fasttext", "regression").rank("the film", ["bad " * 4000], "random")
    with pytest.raises(GradexplainError, match=r"takes 12,002 masked copies, more than 10,000: give max_copies=12002"):
        ranking.table()


def test_many_documents_get_the_scores_that_they_get_alone(explain):
    documents = [" ".join(["film", "good", "bad"][i % 3 :] * (i % 7)) for i in range(40)]
    ranking = explain.rank(QUERY, documents, "signed_gi", batch_tokens=128)
    alone = [explain.rank(QUERY, [document]).scores[0] for document in documents[:8]]
    np.testing.assert_allclose(ranking.scores[:8], alone, rtol=1e-9)
    pair = explain.rank(QUERY, [documents[ranking.order[i]] for i in (0, 39)], "signed_gi")
    np.testing.assert_allclose(ranking.why(1, 40)["signed_gi"], pair.why()["signed_gi"], rtol=1e-9, atol=1e-12)


def test_equal_scores_stay_in_the_order_given():
    ranking = explainer("bert", "regression").rank(QUERY, ["bad", "film", "bad", "film"])
    order = list(ranking.order)
    assert order in ([0, 2, 1, 3], [1, 3, 0, 2])


def test_each_part_of_the_text_has_its_role(tmp_path):
    explain = explainer("bert", "regression")
    found = explain.rank(QUERY, DOCUMENTS, ("loo", "sa_l2")).why()
    parts = [found.text[message.start : message.end] for message in found.messages]
    assert "\n".join(parts) == found.text
    assert [message.role for message in found.messages] == ["query", "rank 1", "rank 2"]
    assert found.pair_start == len(QUERY) + 1
    assert [unit.role for unit in found][:3] == ["query", "query", "rank 1"]
    assert 'class="speaker">rank 2<' in found.to_html()
    assert found.self_check["loo"].against == "rank 2"
    assert not explain.rank(QUERY, DOCUMENTS, "loo", self_check=False).why().self_check
    found.save(tmp_path / "why.json")
    assert Explanation.load(tmp_path / "why.json") == found
    Explanations([found]).save(tmp_path / "why.parquet")
    assert Explanations.load(tmp_path / "why.parquet") == [found]


@pytest.mark.parametrize("side", ["right", "left"])
def test_what_was_truncated_is_unread(side):
    explain = explainer("bert", "regression")
    long = "a bad film , " * 30 + "the end"
    kwargs = {"truncation_side": side}
    ranking = explain.rank(QUERY, [long, "a bad film"], "signed_gi", tokenizer_kwargs=kwargs)
    rank = ranking.order.index(0) + 1
    found = ranking.why(rank, 3 - rank)
    ((start, end),) = found.unread
    part = found.messages[1]
    spans = [unit.spans[0] for unit in found if unit.role == f"rank {rank}"]
    assert found.truncated_at == start
    if side == "right":
        assert (end, spans[0][0]) == (part.end, part.start)
        assert spans[-1][1] <= start
        assert found.text[start:end].endswith("the end")
    else:
        assert (start, spans[-1][1]) == (part.start, part.end)
        assert end <= spans[0][0]
    assert not found.text[start:end].startswith(" ")
    assert "characters: it is truncated" in found.to_html()
    whole = explain.rank(f"{QUERY} \0", DOCUMENTS, "signed_gi").why()  # no tokenizer reads a null character
    assert (whole.unread, whole.truncated_at) == ((), None)
    cut = explain.rank(long, DOCUMENTS, "signed_gi", tokenizer_kwargs=kwargs).why()
    (query,) = (message for message in cut.messages if message.role == "query")
    assert [query.start <= start < end <= query.end for start, end in cut.unread] == [True]


def test_a_cross_encoder_is_ranked_as_it_ranks():
    """`CrossEncoder.rank` applies the activation; the logits are explained."""
    plain = explainer("bert", "regression")
    for activation, function in ((torch.nn.Sigmoid(), torch.sigmoid), (torch.nn.Identity(), lambda x: x)):
        encoder = CrossEncoder(activation, "regression")
        encoder.model, encoder.tokenizer = plain.model, plain.tokenizer
        ranking = Explainer(encoder).rank(QUERY, DOCUMENTS, "loo")
        np.testing.assert_allclose(ranking.scores, plain.rank(QUERY, DOCUMENTS).scores, rtol=1e-12)
        np.testing.assert_allclose(ranking.outputs, function(torch.from_numpy(ranking.scores)), rtol=1e-12)
        np.testing.assert_allclose(ranking.why()["loo"], plain.rank(QUERY, DOCUMENTS, "loo").why()["loo"], rtol=1e-9)
        assert ("output" in repr(ranking)) == isinstance(activation, torch.nn.Sigmoid)


def test_a_ranking_is_shown_as_a_table():
    explain = explainer("bert", "regression")
    ranking = explain.rank("<b>good</b>", [*DOCUMENTS, *HTML, *(f"film {i}" for i in range(20))])
    assert f"the first 10 of {len(ranking)}; to_frame() has all" in repr(ranking)
    assert len(repr(ranking).splitlines()) == 14
    html = ranking._repr_html_()
    assert "<b>good</b>" not in html
    assert "<script>" not in html
    assert "<table" in html
    long = explain.rank("film " * 100, ["film " * 100], "signed_gi")
    assert repr(long).endswith("…")
    assert max(map(len, repr(long).splitlines())) < 100


def test_what_is_cut_of_a_ranking_in_a_table():
    explain = explainer("fasttext", "regression")
    shown = {n: repr(explain.rank("good", [f"film {i}" for i in range(n)])) for n in (1, 10, 11)}
    assert ["to_frame()" in text for text in shown.values()] == [False, False, True]
    assert shown[1].splitlines()[0].startswith("1 document ranked for 'good'")
    assert shown[11].splitlines()[0].startswith("11 documents ranked for 'good'")
    exact, longer = "a" * 60, "b" * 61
    table = repr(explain.rank("good", [exact, longer]))
    assert exact in table
    assert "b" * 59 + "…" in table
    assert "b" * 60 not in table


def test_one_document_may_be_asked_for():
    ranking = explainer("fasttext", "regression").rank("good", DOCUMENTS, top=1)
    assert len(ranking) == 1
    assert {type(number) for number in ranking.order} == {int}
    with pytest.raises(GradexplainError, match="a rank is a number from 1, the best, to 1, but got 2"):
        ranking.why()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: e.rank(("a", "b"), ["c"]), "the query must be a str, not tuple"),
        (
            lambda e: e.rank("a", ["c"], stride=4),
            "rank reads every text as one sequence, not in windows: leave out",
        ),
        (lambda e: e.rank("a", ["c"], units=[(0, 1)]), "to its spans, not list: give units=FUNCTION"),
        (lambda e: e.rank("a", ["c"], unit="token", units=print), "give either unit='token' or units="),
        (lambda e: e.rank("a", "b"), "documents must be a list of str, not one str"),
        (lambda e: e.rank("a", ["b", ("c", "d")]), "documents must be a list of str, but one of them is of type tuple"),
        (lambda e: e.rank("a", 3), "documents must be a list of str, not int"),
        (lambda e: e.rank("a", ["b"], top=0), "top must be a number of documents, 1 or larger, but is 0"),
        (lambda e: e.rank("a", ["b"], top=True), "top must be a whole number, but is True"),
        (lambda e: e.rank("a", ["b"], top=1.5), "top must be a whole number, but is 1.5"),
        (lambda e: e.rank("a", ["b"], target=0), "rank explains the difference of two logits, so target has no effect"),
        (
            lambda e: e.rank("a", ["b"], explain_roles="user"),
            "rank takes texts, not conversations, so there are no roles",
        ),
        (lambda e: e.rank("a", ["b"]).why(), "a rank is a number from 1, the best, to 1, but got 2"),
        (lambda e: e.rank("a", ["b", "c"]).why(0, 1), "a rank is a number from 1, the best, to 2, but got 0"),
        (lambda e: e.rank("a", ["b", "c"]).why(2, 2), "why compares two documents, but both have rank 2: give two"),
        (lambda e: e.rank("a", ["b", "c"]).table("b"), "a rank is a number from 1, the best, to 2, but got 'b'"),
    ],
)
def test_wrong_arguments_get_a_sentence(call, message):
    with pytest.raises(GradexplainError, match=re.escape(message)):
        call(explainer("bert", "regression"))


def test_a_model_of_several_classes_ranks_nothing():
    with pytest.raises(GradexplainError, match=r"rank needs a reranker, which gives one logit, but Bert.* gives 3"):
        explainer("bert").rank(QUERY, DOCUMENTS)
    model, tokenizer = make("bert", "regression")
    before = {name: x.clone() for name, x in model.state_dict().items()}
    Explainer(model, tokenizer).rank(QUERY, DOCUMENTS).table()
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())
    assert not model.training


def test_no_word_of_a_document_is_lost_if_the_query_is_cut_before_a_word():
    """Of the query, the tokens `the` and the blank behind it are read."""
    ranking = explainer("gpt2", "regression").rank(
        "the zzz zzz", ["bad end", "a good film"], "loo", tokenizer_kwargs={"max_length": 4}
    )
    found = ranking.why(ranking.order.index(0) + 1, ranking.order.index(1) + 1)
    units = [(unit.text, unit.message) for unit in found]
    assert units == [("the", 0), ("bad", 1), ("end", 1), ("a", 2), ("good", 2)]
    assert [found.text[start:end] for start, end in found.unread] == ["zzz zzz", "film"]
