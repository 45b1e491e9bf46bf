"""Reward models, guard models and other classifiers of conversations, compared with values by hand in float64."""

import re
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset
from transformers import pipeline

from hf_gradexplain.engine import stream
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer, explain
from hf_gradexplain.explanation import Explanation, Explanations
from hf_gradexplain.text.collate import collate
from hf_gradexplain.text.encode import Encoder
from tests.helpers.chats import (
    CHAT,
    LONGER,
    TEMPLATE_OF,
    TEMPLATES,
    chat_classifier,
    expected_units,
    offsets_by_hand,
    write,
)
from tests.helpers.naive import NaiveReader, gradient_score, loss_of
from tests.helpers.tiny import ProblemType

SYSTEMS = {"llama": "decoder", "bert": "encoder", "bart": "encoder-decoder"}
METHODS = ("loo", "signed_gi", "sa_l2")


@cache
def explainer(kind: str, problem_type: ProblemType) -> Explainer:
    return Explainer(*chat_classifier(kind, problem_type))


class Template:
    """A tokenizer that returns what `apply_chat_template` gives for one conversation, with only contents ordinary."""

    def __init__(self, kind: str, tokenizer: Any, messages: list[dict[str, str]]) -> None:
        self.unk_token_id = tokenizer.unk_token_id
        rendered = tokenizer.apply_chat_template(messages, tokenize=False)
        self.encoded = dict(tokenizer.apply_chat_template(messages))
        self.text = "\n".join(message["content"] for message in messages)
        self.offsets = offsets_by_hand("byte_level", tokenizer, rendered, self.encoded["input_ids"])
        written = write(TEMPLATE_OF[kind], messages)
        written += [(character, -1) for character in rendered[len(written) :]]
        self.words = expected_units(written, self.offsets, self.text)
        blank = {t for t, (a, b) in enumerate(self.offsets) if not rendered[a:b].strip()}
        inside = {t for t in blank if all(o >= 0 for _, o in written[slice(*self.offsets[t])])}
        for t in sorted(inside, reverse=True):  # white space goes with the next word of its content
            start = written[self.offsets[t][0]][1]
            self.words[min(span for span in self.words if span[0] > start)] |= {t}
        self.content = set().union(*self.words.values())

    def __call__(self, text: str, **_: Any) -> dict[str, Any]:
        special = [int(t not in self.content) for t in range(len(self.offsets))]
        names = {"input_ids": self.encoded["input_ids"], "attention_mask": self.encoded["attention_mask"]}
        return {**names, "special_tokens_mask": special, "offset_mapping": self.offsets}


@pytest.mark.parametrize("problem_type", ["regression", "multi_label_classification", "single_label_classification"])
@pytest.mark.parametrize("kind", SYSTEMS)
def test_scores_are_those_of_masked_forward_passes_and_gradients_by_hand(kind, problem_type):
    engine = explainer(kind, problem_type)
    for messages in ([{**m, "content": m["content"].strip()} for m in CHAT], LONGER):
        explanation = engine(messages, METHODS)
        template = Template(kind, engine.tokenizer, messages)
        naive = NaiveReader(engine.model, template, "")  # type: ignore[arg-type]
        loss = loss_of("loss", problem_type, explanation.target)
        with torch.no_grad():
            np.testing.assert_allclose(
                explanation.probabilities, probabilities(naive.logits(), problem_type), rtol=0, atol=1e-12
            )
            full = loss(naive.logits()).item()
        grad, vector = naive.gradients(loss), {t: naive.vector(t) for t in template.content}
        assert [unit.spans[0] for unit in explanation] == sorted(template.words)
        for u, span in enumerate(sorted(template.words)):
            tokens = sorted(template.words[span])
            by_hand = {"loo": loss(naive.logits_without(tokens)).item() - full}
            for method in METHODS[1:]:
                by_hand[method] = gradient_score(method, tokens, naive.ids, grad, vector)
            for method, value in by_hand.items():
                assert explanation[method][u] == pytest.approx(value, rel=1e-9, abs=1e-12), (method, span)


def probabilities(logits: torch.Tensor, problem_type: str) -> np.ndarray:
    heads = {"regression": lambda x: x, "multi_label_classification": torch.sigmoid}
    return heads.get(problem_type, lambda x: torch.softmax(x, 0))(logits).numpy()


@pytest.mark.parametrize("kind", SYSTEMS)
def test_a_conversation_alone_and_in_a_batch_agree(kind):
    """Padding is masked by its place, not by its id: the decoder's conversations hold its pad token."""
    engine = explainer(kind, "regression")
    chats = [CHAT, LONGER, LONGER[:1], CHAT[1:], LONGER[:2]]
    together = engine(chats, METHODS, batch_tokens=4096)
    for messages, explanation in zip(chats, together, strict=True):
        alone = engine(messages, METHODS, self_check=False)
        assert explanation.units == alone.units
        for method in METHODS:
            np.testing.assert_allclose(explanation[method], alone[method], rtol=1e-9, atol=1e-12)


def test_only_the_messages_of_a_role_are_masked_and_scored():
    engine = explainer("llama", "regression")
    everything = engine(CHAT, METHODS, self_check=False)
    explanation = engine(CHAT, METHODS, explain_roles=("assistant",))
    chosen = [u for u, unit in enumerate(everything) if unit.role == "assistant"]
    assert explanation.units == tuple(everything.units[u] for u in chosen)
    assert {unit.message for unit in explanation} == {2}
    for method in METHODS:
        np.testing.assert_allclose(explanation[method], everything[method][chosen], rtol=1e-9, atol=1e-12)
    assert explanation.messages == everything.messages
    with pytest.raises(GradexplainError, match="no message of 'judge'; roles: system, user, assistant"):
        engine(CHAT, explain_roles="judge")
    with pytest.raises(GradexplainError, match="explain_roles needs conversations"):
        engine("a text", explain_roles=("user",))


def test_own_units_are_restricted_to_roles():
    engine = explainer("llama", "regression")
    text = "\n".join(message["content"] for message in CHAT)
    units = [match.span() for match in re.finditer(r"\S+", text)]
    explanation = engine(CHAT, "signed_gi", units=units, explain_roles=("assistant",), self_check=False)
    everything = engine(CHAT, "signed_gi", units=units, self_check=False)
    assert {unit.role for unit in everything} == {"system", "user", "assistant"}
    assert explanation.units == tuple(unit for unit in everything if unit.role == "assistant")
    (streamed,) = engine.stream(
        [CHAT], "signed_gi", units=[units], explain_roles=("assistant",), self_check=False, progress=False
    )
    assert streamed.units == explanation.units


def test_a_stream_is_refused_at_its_end_if_no_message_of_it_has_a_role(monkeypatch):
    monkeypatch.setattr(stream, "BATCHES", 1)
    engine = explainer("llama", "regression")
    options = {"batch_tokens": 1, "progress": False}
    chats = [CHAT[1:2], CHAT]  # the assistant speaks in the second chunk
    late = list(engine.stream(iter(chats), "random", explain_roles=("assistant",), **options))
    assert [len(explanation) > 0 for explanation in late] == [False, True]
    for texts, message in (
        (chats, "no message of 'judge'; roles: user, system, assistant"),
        (["a text", "another"], "explain_roles needs conversations"),
    ):
        explanations = engine.stream(iter(texts), "random", explain_roles=("judge",), **options)
        assert next(explanations).text
        assert next(explanations).text
        with pytest.raises(GradexplainError, match=message):
            next(explanations)


def test_a_conversation_is_one_text_and_a_list_of_conversations_many():
    engine = explainer("llama", "regression")
    one = engine(LONGER, "signed_gi", self_check=False)
    assert isinstance(one, Explanation)
    columns = {name: [message[name] for message in LONGER] for name in ("role", "content")}
    datasets = Dataset.from_dict({"messages": [LONGER, LONGER]})
    table = pa.table({"messages": [LONGER, LONGER]})
    frame = table.to_pandas()
    for several in ([LONGER] * 2, [columns] * 2, datasets["messages"], table["messages"], frame["messages"]):
        explanations = engine(several, "signed_gi")
        assert isinstance(explanations, Explanations)
        assert explanations == [one, one]
    assert explain(engine, np.array(LONGER), "signed_gi", self_check=False) == one
    assert engine([], "signed_gi") == []


def test_arguments_of_the_tokenizer_fit_or_are_refused():
    engine = explainer("llama", "regression")
    plain = engine(LONGER, "signed_gi", self_check=False)
    same = engine(LONGER, "signed_gi", self_check=False, tokenizer_kwargs={"add_special_tokens": False})
    np.testing.assert_array_equal(same["signed_gi"], plain["signed_gi"])
    padding = {"padding": "max_length", "max_length": 200}  # which moves positions: their sines are in float32
    padded = engine(LONGER, "signed_gi", self_check=False, tokenizer_kwargs=padding)
    np.testing.assert_allclose(padded["signed_gi"], plain["signed_gi"], rtol=0, atol=2e-6)
    cut = engine(LONGER, "signed_gi", tokenizer_kwargs={"max_length": 20, "truncation_side": "left"})
    assert 0 < len(cut) < len(plain)
    assert cut.units == plain.units[-len(cut) :]
    assert (cut.truncated_at, cut.unread[0][0]) == (0, 0)
    with pytest.raises(GradexplainError, match="add_special_tokens does not fit conversations"):
        engine(LONGER, tokenizer_kwargs={"add_special_tokens": True})


def test_files_keep_whose_units_are_whose(tmp_path):
    engine = explainer("bert", "single_label_classification")
    explanations = engine([CHAT, "a text", LONGER], ("loo", "signed_gi"), tokenizer_kwargs={"max_length": 40})
    assert explanations[0].unread[0] == (0, len(CHAT[0]["content"]))
    for name in ("a.parquet", "a.jsonl"):
        explanations.save(tmp_path / name)
        loaded = Explanations.load(tmp_path / name)
        assert loaded == explanations
        for before, after in zip(explanations, loaded, strict=True):
            assert (after.units, after.messages, after.unread) == (before.units, before.messages, before.unread)
    record = explanations[0].to_dict()
    assert record["units"][0].keys() == {"text", "spans", "message", "role"}
    assert record["messages"][1] == {"role": "user", "start": 14, "end": 34}
    assert explanations[1].to_dict().keys() == record.keys() - {"messages", "unread"}
    assert explanations[1].to_dict()["units"][0].keys() == {"text", "spans"}
    explanations[1:2].save(tmp_path / "text.parquet")
    assert not {"messages", "unread"} & set(pq.read_schema(tmp_path / "text.parquet").names)


def test_padding_is_masked_by_length_and_not_by_the_id_of_the_end_token():
    model, tokenizer = chat_classifier("llama", "regression")
    tokenizer.chat_template = TEMPLATES["inst"]
    chats = [CHAT, LONGER[:2], [{"role": "assistant", "content": "bad </s> film"}]]
    documents = Encoder(tokenizer, None, "word")(chats)
    batch = collate(documents, [None] * 3, tokenizer)
    lengths = [len(document) for document in documents]
    assert all(tokenizer.pad_token_id in document.inputs["input_ids"] for document in documents)
    assert batch.inputs["attention_mask"].sum(1).tolist() == lengths
    assert [row[-1].item() for row in batch.inputs["attention_mask"]] == [1, 1, 1]
    with torch.no_grad():
        logits = model(**batch.inputs).logits
        for messages, of_batch in zip(chats, logits, strict=True):
            alone = model(**tokenizer.apply_chat_template(messages, return_tensors="pt")).logits[0]
            torch.testing.assert_close(of_batch, alone, rtol=0, atol=1e-5)


def test_the_pipeline_explains_conversations():
    model, tokenizer = chat_classifier("llama", "regression")
    pipe = pipeline("text-attribution", model=model, tokenizer=tokenizer)
    explanation = pipe(LONGER, methods="signed_gi", self_check=False)
    assert [unit.role for unit in explanation][-1] == "user"
    assert pipe([LONGER, CHAT], methods="signed_gi")[0].text == explanation.text
