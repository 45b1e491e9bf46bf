"""Untrusted names, labels and texts write no file, no markup and no metadata."""

import random
import re
from contextlib import suppress
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import yaml
from datasets import Dataset
from huggingface_hub import RepoCard
from markdown_it import MarkdownIt

from hf_gradexplain.commands.publish import _split_name, write_dataset
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments, to_replay_yaml
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.hub.provenance import Provenance, public_name
from hf_gradexplain.hub.push import check_destination, folder_files
from hf_gradexplain.options import Options
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.run.results import Run, write_results
from hf_gradexplain.run.runner import evaluate
from hf_gradexplain.sharing import load_explanations
from hf_gradexplain.text.texts import without_surrogates
from hf_gradexplain.text.unit import Unit
from hf_gradexplain.viz.report import render_card, render_dataset_card, render_report
from hf_gradexplain.viz.sanitize import one_line
from tests.helpers.hostile import strings
from tests.helpers.tiny import make
from tests.hub.repository import front_matter

MANY = strings(5000)
AT_ONCE = 50
PARTS = [MANY[start : start + AT_ONCE] for start in range(0, len(MANY), AT_ONCE)]
SOME_AND_ALL = pytest.mark.parametrize(
    "parts", [pytest.param(PARTS[::4], id="some"), pytest.param(PARTS, id="all", marks=pytest.mark.slow)]
)
HARMLESS = [f"word {i}" for i in range(AT_ONCE)]
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def unlike(texts):
    """Return the texts as keys, which must differ even with whitespace folded."""
    return [f"{i} {text}" for i, text in enumerate(texts)]


def shared(texts):
    """Return the common arguments of reports and cards, with a text in every place that takes one."""
    keys = unlike(texts)
    frame = pd.DataFrame([texts, [None] * len(texts)], columns=pd.Index(keys, dtype=object), dtype=object)
    return {
        "title": texts[0],
        "headline": texts[1],
        "facts": dict(zip(keys, texts, strict=True)),
        "tables": {keys[0]: frame, keys[1]: frame},
        "notes": texts,
    }


def card(texts, metadata=None):
    figures = dict.fromkeys(unlike(texts), "figures/aopc.png")
    metadata = {"tags": ["a"]} if metadata is None else metadata
    return render_card(**shared(texts), metadata=metadata, figures=figures, replay="\n".join(texts))


def dataset_card(texts, metadata=None):
    frame = pd.DataFrame({"a": texts, "b": texts}, dtype=object)
    return render_dataset_card(
        **shared(texts),
        metadata={"tags": ["a"]} if metadata is None else metadata,
        figures={},
        replay="\n".join(texts),
        name="me/x",
        split="test",
        texts=texts[2],
        **dict.fromkeys(("columns", "methods", "files"), frame),
    )


def structure(markdown):
    """Return the blocks of a card without its metadata, and the types of their inline elements."""
    tokens = PARSER.parse(markdown.split("\n---\n", 1)[1])
    inside = {child.type for token in tokens for child in token.children or ()} - {"text", "text_special", "softbreak"}
    return [token.type for token in tokens], inside


@SOME_AND_ALL
@pytest.mark.parametrize("render", [card, dataset_card])
def test_cards_have_the_same_structure_for_any_texts(render, parts):
    expected = structure(render(HARMLESS))
    assert "html_block" not in expected[0]
    assert "html_inline" not in expected[1]
    for texts in parts if render is card else parts[:: len(parts) // 10]:
        rendered = render([text if one_line(text) else "blank" for text in texts])
        assert structure(rendered) == expected, texts
        assert not re.search("[\x00\x1b\x9b\u202e\u2066\ud800]", rendered)


@SOME_AND_ALL
def test_metadata_are_read_back_unchanged(parts):
    rng = random.Random(1)
    for texts in parts:
        nested = [{"name": text, "list": [text], "empty": {}} for text in texts[:3]]
        metadata = {"pretty_name": rng.choice(texts), "tags": texts, "configs": nested, **dict.fromkeys(texts, True)}
        rendered = card(HARMLESS[:1] * 2, metadata)
        assert RepoCard(rendered, ignore_metadata_errors=False).data.to_dict() == metadata
        tokens = PARSER.parse(rendered)
        kinds = {part.type for token in tokens for part in (token, *(token.children or ()))}
        assert not {"html_block", "html_inline"} & kinds


class Elements(HTMLParser):
    """The tags and attributes of an HTML page, and the text between them."""

    def __init__(self, html):
        super().__init__()
        self.seen, self.shown = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, [name for name, _ in attrs], dict(attrs).get("href")))

    def handle_data(self, data):
        self.shown.append(data)


@SOME_AND_ALL
def test_the_report_has_the_same_elements_for_any_texts(parts):
    def page(texts):
        figures = dict.fromkeys(unlike(texts), b"<svg/>")
        return Elements(render_report(**shared(texts), figures=figures, explanations=texts)).seen

    expected = page(HARMLESS)
    assert "script" not in {tag for tag, *_ in expected}
    for texts in parts:
        assert page(texts) == expected, texts


def explanation(text, label):
    """Return an explanation whose single unit is the first half of the text."""
    half = len(text) // 2
    return Explanation(
        text=text,
        units=(Unit(text[:half], ((0, half),)),),
        scores={"signed_gi": pd.array([1.0]).to_numpy(dtype=float)},
        target=0,
        target_label=label,
        prediction=0,
        probabilities=pd.array([1.0]).to_numpy(dtype=float),
        objective="loss",
        unit="word",
        prediction_label=label,
    )


def test_highlighted_texts_have_the_same_elements_for_any_text():
    for text, label in zip(MANY[::2], MANY[::-2], strict=True):
        if len(text) > 1 and text.strip() and label.strip():
            harmless = re.sub(r"\S", "a", text)
            expected = Elements(explanation(harmless, "label").to_html()).seen
            assert Elements(explanation(text, label).to_html()).seen == expected, (text, label)


@SOME_AND_ALL
def test_arguments_are_read_back_from_run_yaml_without_the_destination(parts):
    fields = ("model_name_or_path", "dataset_name", "split", "text_column", "label_column", "output_dir")
    for texts in parts:
        for start in range(0, AT_ONCE - len(fields), len(fields)):
            chosen = dict(zip(fields, texts[start:], strict=False))
            arguments = replace(EvaluateRecipeArguments(), push_to_hub=True, hub_dataset_id="me/secret", **chosen)
            text = to_replay_yaml(arguments)
            assert "me/secret" not in text
            values = yaml.safe_load(text)
            assert {name: values[name] for name in chosen} == chosen


def test_no_name_becomes_a_path(tmp_path, monkeypatch):
    """Untrusted names are tried as the name of a repository, a split and a folder."""
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    errors = 0
    for name in MANY:
        split = _split_name(name)
        assert re.fullmatch(r"[A-Za-z0-9_]+", split)
        assert (Path("data") / f"{split}-*.parquet").resolve().parent == (inside / "data").resolve()
        for function in (lambda name: check_destination(name, "dataset"), load_explanations):
            with suppress(GradexplainError):
                function(name)
                pytest.fail(f"{function} accepted {name!r}")
            errors += 1
        public_name(name)
    assert errors == 2 * len(MANY)
    assert [path for path in tmp_path.rglob("*") if path != inside and path != inside.parent] == []


@pytest.mark.filterwarnings("ignore:a text of many letters has only one unit")
def test_a_run_over_hostile_texts_and_labels_writes_only_to_its_folder(tmp_path, monkeypatch):
    """The run is evaluated, rendered and prepared for publishing; loading gives the same explanations back."""
    output_dir, published = tmp_path / "a" / "out", tmp_path / "a" / "published"
    monkeypatch.chdir(tmp_path)
    model, tokenizer = make("fasttext", seed=1)
    labels = ("\ud800</title>\n---\nlicense: mit", "../../\x00<script>alert(1)</script>", "](x) | ```")
    model.config.id2label = dict(enumerate(labels))
    texts = [*strings(120, seed=2), "the film is good and the end is not bad"]
    rows = Dataset.from_dict({"id": range(len(texts)), "text": [without_surrogates(text) for text in texts]})
    here = {"model_name_or_path": str(output_dir), "dataset_name": str(output_dir.parent)}
    options = Options(methods=("random", "loo", "signed_gi"))
    arguments = EvaluateRecipeArguments(split="../x[:3]", **here)
    tables = evaluate(Explainer(model, tokenizer), rows, options, output_dir, inputs={})
    facts = {"Model": labels[0], labels[1]: labels[2]}
    run = Run(
        labels[1], facts, {}, tables, 1.0, labels[0], "", notes=labels, provenances={"dataset": Provenance(labels[1])}
    )
    write_results(output_dir, run, document_paths(output_dir))
    write_dataset(run, arguments, output_dir, published, "me/x")
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(output_dir) or path.is_relative_to(published) for path in written)
    assert {"README.md", "run.yaml", "data/x-00000-of-00001.parquet"} <= folder_files(published).keys()
    assert not [path for path in folder_files(published).values() if str(tmp_path).encode() in path.read_bytes()]
    page, cards = (output_dir / "report.html").read_text(), [output_dir / "README.md", published / "README.md"]
    assert [names for tag, names, _ in Elements(page).seen if tag == "script" and names != ["type", "id"]] == [[]]
    for path in cards:
        tokens = PARSER.parse(path.read_text())
        kinds = {part.type for token in tokens for part in (token, *(token.children or ()))}
        assert not {"html_block", "html_inline"} & kinds
        assert "link_open" not in structure(path.read_text())[1]
        assert "license" not in front_matter(path.read_text())
    loaded, expected = load_explanations(published, texts=rows), load_explanations(output_dir)
    assert [e.to_dict() for e in loaded] == [e.to_dict() for e in expected]
    assert loaded[0].target_label in [without_surrogates(label) for label in labels]
