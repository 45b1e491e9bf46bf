"""The card of a trained model: its content, hostile names, and no local paths."""

from dataclasses import replace

import pytest
from datasets import Dataset
from huggingface_hub import ModelCard

from hf_gradexplain.cards import Card, Example, describe, model_card
from hf_gradexplain.hub.provenance import Provenance, public_name
from hf_gradexplain.models import FastTextConfig, FastTextForSequenceClassification
from hf_gradexplain.training.arguments import TrainArguments
from hf_gradexplain.training.pairs import reward
from hf_gradexplain.training.task import Task
from hf_gradexplain.training.train import Trained

EVIL = "a\"b'c: <script>x</script> | [l](http://e.vil) `y`\n---\n# h {{ 700*7000 }}"


ROWS = Dataset.from_dict({"id": [0], "text": ["a"], "label": [0]})


def make_card(task=None, metrics=None, commit=None, **more):
    """Return the card of a FastText after training; `more` are arguments of the recipe."""
    task = task or Task("single_label_classification", ("World", "Sports"))
    arguments = {"dataset_name": "fancyzhx/ag_news", "output_dir": "out/my-model", **more}
    if "model_name_or_path" not in more:
        arguments.setdefault("model_type", "fasttext")
    arguments = TrainArguments(**arguments)
    model = FastTextForSequenceClassification(FastTextConfig(vocab_size=1200, hidden_size=10, **task.config()))
    provenances = {"dataset": Provenance(arguments.dataset_name, commit)}
    if arguments.model_name_or_path:
        provenances["base model"] = Provenance(arguments.model_name_or_path, commit)
    metrics = metrics or {"accuracy": 0.9, "macro_f1": 0.123456}
    card = describe(Trained(model, None, task, metrics, ROWS, ROWS, provenances), arguments)
    corpus = replace(card.corpus, train_rows=21391, eval_rows=7600)
    return replace(card, corpus=corpus)


def make(*args, **more):
    return model_card(make_card(*args, **more))


def test_the_metadata_follows_the_format_of_the_hub():
    data = ModelCard(make(dataset_config_name="default", commit="abc123")).data
    assert (data.library_name, data.pipeline_tag) == ("transformers", "text-classification")
    assert set(data.tags) == {"hf_gradexplain", "fasttext"}
    assert data.datasets == ["fancyzhx/ag_news"]
    results = {result.metric_type: result for result in data.eval_results}
    assert {name: result.metric_value for name, result in results.items()} == {"accuracy": 0.9, "f1": 0.123456}
    f1 = results["f1"]
    assert (f1.dataset_type, f1.dataset_split, f1.dataset_config, f1.dataset_revision) == (
        "fancyzhx/ag_news",
        "test",
        "default",
        "abc123",
    )
    assert f1.metric_args == {"average": "macro"}


@pytest.mark.parametrize(
    ("given", "calls", "explained"),
    [
        ({}, 'classifier("Your text")', 'explain("NAME", "Your text").show()'),
        ({"max_length": 9}, 'classifier("Your text", truncation=True)', 'explain("NAME", "Your text").show()'),
        (
            {"text_column": "question,answer"},
            'classifier({"text": "Your first text", "text_pair": "Your second text"})',
            'explain("NAME", ("Your first text", "Your second text")).show()',
        ),
        (
            {"text_column": "question,answer", "max_length": 9},
            'classifier({"text": "Your first text", "text_pair": "Your second text"}, truncation=True)',
            'explain("NAME", ("Your first text", "Your second text")).show()',
        ),
        (
            {"task": reward(), "metrics": {"pair_accuracy": 0.9}, "text_column": "chosen,rejected"},
            'classifier("Your text")',
            'explain("NAME", "Your text").show()',
        ),
    ],
)
def test_the_card_shows_how_to_call_the_model_and_explain_it(given, calls, explained):
    card = make_card(**given)
    lines = model_card(card).splitlines()
    assert calls in lines
    assert explained.replace("NAME", "PATH_OR_HUB_NAME_OF_THIS_MODEL") in lines


def test_a_transformer_truncates_its_texts():
    assert 'classifier("Your text", truncation=True)' in model_card(replace(make_card(), ours=False)).splitlines()


def test_the_card_says_whether_words_were_masked_in_the_training():
    metrics = {"accuracy": 0.9, "macro_f1": 0.8, "fully_masked_accuracy": 0.25, "fully_masked_macro_f1": 0.1}
    card = make(metrics=metrics, masked_fine_tuning=True, masking_baseline="mean")
    assert "half of the texts had 0 to 100 % of their words masked by the baseline mean (Madsen et al. 2024)" in card
    assert "With all words masked, its accuracy is 0.2500" in card
    assert {result.metric_name for result in ModelCard(card).data.eval_results} == {"Accuracy", "Macro F1"}
    assert "mask" not in make()


def test_the_card_has_the_dataset_and_the_results():
    text = ModelCard(make(config_overrides="word_dropout=0.5", max_length=100)).text
    for fact in (
        "# my-model",
        "(fasttext, 12,022 parameters), trained from scratch on 21,391 rows of the split train of fancyzhx/ag_news",
        "On 7,600 texts of the split test",
        "| Accuracy | 0.9000 |",
        "| Macro F1 | 0.1235 |",
        "**Classes:** World, Sports",
        "**configuration:** word_dropout=0.5",
        "import hf_gradexplain  # registers fasttext with transformers",
        "It reads only the first 100 tokens",
    ):
        assert fact in text


def test_only_the_last_part_of_a_local_path_is_shown(tmp_path):
    folder = tmp_path / "secret" / "news"
    folder.mkdir(parents=True)
    (folder / "data.parquet").touch()
    card = make(dataset_name=str(folder), output_dir=str(tmp_path / "model"))
    assert str(tmp_path) not in card
    assert "secret" not in card
    assert ModelCard(card).data.datasets is None
    assert public_name(str(folder / "data.parquet")) == "data.parquet"
    assert public_name("org/data") == "org/data"


def test_fine_tuned_models_name_their_base():
    card = ModelCard(make(model_name_or_path="org/base", commit="abc123"))
    assert card.data.base_model == "org/base"
    assert "fine-tuned from org/base (commit abc123)" in card.text


def test_regression_reports_its_error():
    card = ModelCard(make(Task("regression", ("LABEL_0",)), {"mse": 0.25}))
    assert "| Mean squared error | 0.2500 |" in card.text
    assert [result.metric_type for result in card.data.eval_results] == ["mse"]


def test_the_example_of_a_regression_shows_the_output():
    example = replace(EXAMPLE, prediction="score", probability=None, output=-1.256)
    card = model_card(replace(make_card(Task("regression", ("LABEL_0",)), {"mse": 0.25}), examples=[example]))
    assert "score (output = −1.26)" in card
    assert "(p = " not in card


@pytest.mark.parametrize("where", ["label", "dataset_name", "train_split", "text_column", "output_dir"])
def test_hostile_names_stay_text(where):
    if where == "label":
        card = make(Task("single_label_classification", ("fine", EVIL)))
    else:
        card = make(**{where: EVIL.replace("/", "")})
    plain = ModelCard(make())
    parsed = ModelCard(card)
    assert set(parsed.data.to_dict()) == set(plain.data.to_dict())
    assert "<script" not in parsed.text
    assert "[l](" not in parsed.text
    assert "4900000" not in parsed.text
    headings = [line for line in parsed.text.splitlines() if line.startswith("#")]
    assert len(headings) == len([line for line in plain.text.splitlines() if line.startswith("#")])


EXAMPLE = Example(EVIL, EVIL, 0.5, "signed_gi", [EVIL, "b"], [0.5, -0.25])


def test_hostile_examples_and_bases_stay_text():
    card = replace(make_card(), examples=[EXAMPLE], widget=[EVIL], base=EVIL, license=EVIL, settings={EVIL: EVIL})
    parsed = ModelCard(model_card(card))
    assert parsed.data.to_dict()["widget"] == [{"text": EVIL}]
    assert parsed.data.license == EVIL
    assert "<script" not in parsed.text
    assert "[l](" not in parsed.text
    assert "4900000" not in parsed.text
    assert parsed.text.count("\n# ") == 1


def test_a_card_survives_json():
    card = replace(make_card(), examples=[EXAMPLE], widget=["a"])
    again = Card.from_json(card.to_json())
    assert again.to_json() == card.to_json()
    assert model_card(again) == model_card(card)


def test_the_json_of_a_card_is_readable_and_standard():
    written = replace(make_card(), limits=["naïve"]).to_json()
    assert '\n "limits": [\n  "naïve"\n ],\n' in written
    with pytest.raises(ValueError, match="not JSON compliant"):
        replace(make_card(), metrics={"accuracy": float("nan")}).to_json()


def test_the_card_says_what_is_not_known():
    text = ModelCard(model_card(replace(make_card(), not_measured="it was not requested"))).text
    assert "Not measured: it was not requested." in text
    assert "No licence was chosen. The dataset has its own terms." in text


def test_a_model_with_its_code_says_how_it_loads():
    card = replace(make_card(), remote_code=True, repo_id="me/my-model")
    parsed = ModelCard(model_card(card))
    assert 'pipeline("text-classification", model="me/my-model", trust_remote_code=True)' in parsed.text
    assert "import hf_gradexplain  #" not in parsed.text
    assert "custom_code" in parsed.data.tags
