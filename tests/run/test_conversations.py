"""Evaluations, estimates and commands on datasets of conversations."""

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, IterableDataset

from hf_gradexplain.cli import main
from hf_gradexplain.commands.evaluate import run_evaluation
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.corpus import CorpusError, load_texts, stream_texts
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import iterate_documents
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from hf_gradexplain.run.fingerprints import texts_fingerprint, tokenizer_fingerprint
from hf_gradexplain.run.runner import evaluate
from hf_gradexplain.run.shards import DocumentCost, make_shards
from hf_gradexplain.sharing import TextSource, load_explanations, write_shards
from hf_gradexplain.text.texts import texts_of
from tests.helpers.chats import CHAT, LONGER, chat_classifier, chat_tokenizer

CHATS = [CHAT, LONGER, LONGER[:1], [{**LONGER[0], "name": "Ann"}, LONGER[1]]]
LABELS = [0, 2, 1, 0]
METHODS = ("random", "loo", "signed_gi")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of a model and that of a dataset."""
    folder = tmp_path_factory.mktemp("saved")
    for part in chat_classifier("llama", "single_label_classification"):
        part.save_pretrained(folder / "model")
    lines = [json.dumps({"messages": m, "label": label}) for m, label in zip(CHATS, LABELS, strict=True)]
    (folder / "chats.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def explainer(saved):
    return Explainer.from_pretrained(str(saved / "model"))


def documents_of(folder):
    return sorted((folder / "documents").glob("*.parquet"))


@pytest.mark.slow
def test_the_recipe_and_python_write_the_same_and_resume(saved, explainer, tmp_path):
    arguments = EvaluateRecipeArguments(
        model_name_or_path=str(saved / "model"), dataset_name=str(saved / "chats.jsonl"), split="train",
        text_column="messages", methods=METHODS, unit="word", output_dir=str(tmp_path / "recipe"),
    )  # fmt: skip
    run_evaluation(arguments)
    result = explainer.evaluate(CHATS, METHODS, labels=LABELS, output_dir=tmp_path / "python", progress=False)
    (recipe,), (python,) = (documents_of(tmp_path / part) for part in ("recipe", "python"))
    assert recipe.read_bytes() == python.read_bytes()
    documents = list(iterate_documents([python]))
    explained = explainer(CHATS, METHODS, labels=LABELS)
    for document, explanation in zip(documents, explained, strict=True):
        assert document.explanation.units == explanation.units
        assert document.explanation.messages == explanation.messages
        assert document.curves["loo"].shape == (len(explanation) + 1,)
    before = python.stat().st_mtime_ns
    again = explainer.evaluate(CHATS, METHODS, labels=LABELS, output_dir=tmp_path / "python", progress=False)
    assert python.stat().st_mtime_ns == before
    pd.testing.assert_frame_equal(again.aopc, result.aopc)
    with pytest.raises(GradexplainError, match="a run made from other inputs"):
        explainer.evaluate(
            [CHATS[0], *CHATS[:3]], METHODS, labels=LABELS, output_dir=tmp_path / "python", progress=False
        )


def test_files_of_texts_have_no_columns_of_conversations(explainer, tmp_path):
    explainer.evaluate(["a film", "a good film"], methods=("loo", "random"), output_dir=tmp_path, progress=False)
    assert not {"messages", "unread"} & set(pq.read_schema(documents_of(tmp_path)[0]).names)


def test_an_estimate_and_roles(explainer):
    estimate = explainer.evaluate(CHATS, methods=METHODS, dry_run=True)
    assert estimate.documents == 4
    result = explainer.evaluate(CHATS, methods=METHODS, explain_roles=("user",), progress=False)
    assert {unit.role for explanation in result.explanations for unit in explanation} == {"user"}
    with pytest.raises(GradexplainError, match="no message of 'tool'; roles: system, user, assistant"):
        explainer.evaluate(CHATS, methods=METHODS, explain_roles=("tool",), progress=False)
    with pytest.raises(GradexplainError, match="all single, all pairs or all conversations"):
        explainer.evaluate([CHAT, "a text"], methods=METHODS, progress=False)


@pytest.mark.parametrize("stream", [True, False])
def test_an_evaluation_refuses_roles_that_no_message_has(explainer, tmp_path, stream):
    """It does so before it starts, unless the texts are a stream."""
    rows = [{"id": i, "text": chat} for i, chat in enumerate(CHATS)]
    texts = IterableDataset.from_generator(lambda: iter(rows)) if stream else Dataset.from_list(rows)
    options = Options(("random",), explain_roles=("tool",))
    with pytest.raises(GradexplainError, match="no message of 'tool'; roles: system, user, assistant"):
        evaluate(explainer, texts, options, tmp_path / "run", inputs={}, progress=False)
    assert (tmp_path / "run").exists() == stream


def test_the_command_line_explains_a_file_of_conversations(saved, capsys):
    flags = ["--file", str(saved / "chats.jsonl"), "--text_column", "messages", "--methods", "signed_gi"]
    model = str(saved / "model")
    assert main(["explain", model, *flags, "--explain_roles", "user", "system", "--format", "jsonl"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["text"] for record in records] == ["\n".join(m["content"] for m in chat) for chat in CHATS]
    assert [message["role"] for message in records[0]["messages"]] == ["system", "user", "assistant"]
    assert {unit["role"] for unit in records[0]["units"]} == {"system", "user"}
    assert main(["explain", model, "--file", str(saved / "chats.jsonl")]) == 1
    assert "unknown text_column 'text'; choices: messages, label" in capsys.readouterr().err


def test_columns_of_conversations_are_loaded_streamed_and_cut_into_shards(saved):
    loaded = load_texts(str(saved / "chats.jsonl"), text_column="messages", conversations=True)
    streamed = stream_texts(str(saved / "chats.jsonl"), text_column="messages", conversations=True)
    texts = texts_of(loaded.to_dict())
    assert [[m["content"] for m in text] for text in texts] == [[m["content"] for m in text] for text in CHATS]
    assert texts_of({"text": [row["text"] for row in streamed]}) == texts
    (shard,) = make_shards(loaded)
    assert shard.cost == sum(DocumentCost()([m["content"] for m in text]) for text in CHATS)
    (other,) = make_shards(IterableDataset.from_generator(lambda: iter(loaded)))
    assert other.digest() == shard.digest()
    with pytest.raises(CorpusError, match="the column 'messages' must hold strings, but"):
        load_texts(str(saved / "chats.jsonl"), text_column="messages")


def test_fingerprints_know_templates_and_roles():
    chatml, llama = (chat_tokenizer("byte_level", name) for name in ("chatml", "llama"))
    assert tokenizer_fingerprint(chatml) != tokenizer_fingerprint(llama)
    with_none = [{**message, "name": None} for message in CHAT]
    swapped = [{**CHAT[0], "role": "user"}, *CHAT[1:]]
    datasets = [Dataset.from_dict({"text": [chat]}) for chat in (CHAT, swapped, with_none)]
    one, other, same = map(texts_fingerprint, datasets)
    assert one == same != other


@pytest.mark.slow
@pytest.mark.parametrize("included", [True, False])
def test_explanations_of_conversations_are_shared_with_and_without_their_texts(explainer, tmp_path, included):
    rows = Dataset.from_dict({"id": range(4), "text": CHATS})
    explainer.evaluate(CHATS, methods=METHODS, output_dir=tmp_path / "run", progress=False)
    source = TextSource(None, None, "test", None, "text", "", included)
    write_shards(documents_of(tmp_path / "run"), tmp_path / "shared" / "data", "test", source)
    (file,) = (tmp_path / "shared" / "data").glob("*.parquet")
    assert ("text" in pq.read_schema(file).names) == included
    loaded = load_explanations(tmp_path / "shared", texts=None if included else rows)
    expected = explainer(CHATS, METHODS)
    assert [each.units for each in loaded] == [each.units for each in expected]
    assert [each.messages for each in loaded] == [each.messages for each in expected]
