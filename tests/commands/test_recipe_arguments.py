"""Arguments of the recipes: checked when they are made, and written to `run.yaml`."""

from dataclasses import fields, replace

import pytest
import yaml

from hf_gradexplain.commands.parsing import parse_arguments
from hf_gradexplain.commands.recipe_arguments import (
    EvaluateRecipeArguments,
    ExplainRecipeArguments,
    TrainRecipeArguments,
    to_replay_yaml,
)
from hf_gradexplain.commands.run_options import options_of
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import HubArguments, LoadArguments


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_k": -1}, "max_k must be a number of removed units, 0 or larger, but is -1"),
        ({"threads": 0}, "threads must be a number of CPU threads, 1 or larger, but is 0"),
        ({"seed": -1}, "seed must be a whole number, 0 or larger, but is -1"),
        ({"batch_tokens": 0}, "batch_tokens must be a positive number of tokens, but is 0"),
        ({"unit": "words"}, "unknown unit 'words': did you mean 'word'?"),
        ({"ties": "first"}, "unknown ties 'first'"),
        ({"sanity_samples": 0}, "sanity_samples must be .* but is 0"),
        ({"hybrid_documents": -1}, "hybrid_documents must be .* but is -1"),
        ({"target": "all"}, "an evaluation explains one class of each text"),
        ({"target": (0, 1)}, "an evaluation takes one target for all texts"),
        ({"target": "predicted", "label_map": "a=b"}, "label_map needs a --dataset_name or a --file with labels"),
        ({"file": "no/such.txt"}, "there is no file no/such.txt"),
        ({"hub_dataset_id": "me/x"}, "hub_dataset_id and publish_text need push_to_hub"),
    ],
)
def test_an_evaluation_refuses_values_out_of_range(values, message):
    with pytest.raises(GradexplainError, match=message):
        EvaluateRecipeArguments(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "give either --texts, --file or --dataset_name"),
        ({"texts": ("a",), "dataset_name": "d"}, "give either --texts, --file or --dataset_name"),
        ({"texts": ("a",), "file": __file__}, "give either --texts, --file or --dataset_name"),
        ({"dataset_name": "d", "file": __file__}, "give either --file or --dataset_name"),
        (
            {"file": "no/such.txt"},
            "there is no file no/such.txt: check the path; --file takes one file of texts",
        ),
        ({"texts": ("a",), "seed": -1}, "seed must be a whole number, 0 or larger, but is -1"),
        ({"texts": ("a",), "target": "label"}, "--target label needs a --file or --dataset_name with labels"),
        ({"dataset_name": "d", "label_map": "a=b"}, "--label_map says which classes .* needs --target label"),
    ],
)
def test_an_explanation_needs_texts_from_one_place(values, message):
    with pytest.raises(GradexplainError, match=message):
        ExplainRecipeArguments(model_name_or_path="m", **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_type": None}, "model_type"),
        ({"faithfulness_samples": -1}, "faithfulness_samples must be a number of texts, 0 or larger, but is -1"),
        ({"data_examples": -1}, "data_examples must be a number of texts, 0 or larger, but is -1"),
        ({"hub_model_id": "me/x"}, "hub_model_id needs push_to_hub"),
        ({"model_type": None, "model_name_or_path": "m", "remote_code": True}, "remote_code saves the code of"),
    ],
)
def test_a_training_refuses_values_out_of_range(values, message):
    given = {"model_type": "textcnn", "dataset_name": "d", "output_dir": "o"}
    with pytest.raises(GradexplainError, match=message):
        TrainRecipeArguments(**{**given, **values})
    assert TrainRecipeArguments(**given, faithfulness_samples=0, data_examples=0).data_examples == 0


@pytest.mark.parametrize("recipe", [ExplainRecipeArguments, EvaluateRecipeArguments])
def test_a_file_is_a_dataset_which_a_replay_names(recipe, tmp_path):
    arguments = recipe(model_name_or_path="m", file=__file__, target="label", label_map="a=b")
    assert (arguments.dataset_name, arguments.file) == (__file__, None)
    path = tmp_path / "run.yaml"
    path.write_text(to_replay_yaml(arguments))
    assert parse_arguments(recipe, [str(path)]) == arguments


def test_an_unknown_method_is_refused_before_any_work():
    with pytest.raises(GradexplainError, match=r"unknown method 'lo': did you mean 'loo'\?"):
        options_of(EvaluateRecipeArguments(methods=("lo",)))


def test_the_options_of_a_recipe_are_its_own():
    options = options_of(EvaluateRecipeArguments(unit="token", seed=3))
    assert type(options) is Options
    assert (options.unit, options.seed, options.target, len(options.methods)) == ("token", 3, "label", 7)


def test_a_replay_gives_the_same_arguments(tmp_path):
    arguments = EvaluateRecipeArguments(
        methods=("loo", "sa_l1"), k_grid=(1, 5), mixed_precision="no", push_to_hub=True, dry_run=True
    )
    text = to_replay_yaml(arguments, without=["output_dir"])
    assert not {"push_to_hub", "hub_private_repo", "dry_run", "output_dir"} & yaml.safe_load(text).keys()
    order = list(vars(arguments))
    assert list(yaml.safe_load(text)) == sorted(yaml.safe_load(text), key=order.index)
    path = tmp_path / "run.yaml"
    path.write_text(text)
    again = parse_arguments(EvaluateRecipeArguments, [str(path)])
    assert to_replay_yaml(again, without=["output_dir"]) == text
    assert (again.methods, again.k_grid, again.mixed_precision) == (("loo", "sa_l1"), (1, 5), "no")


def test_recipes_share_the_help_of_an_option():
    for recipe in (EvaluateRecipeArguments, ExplainRecipeArguments, TrainRecipeArguments):
        own = {part.name: part.metadata["help"] for part in fields(recipe)}
        for group in (LoadArguments, HubArguments, Options):
            for part in fields(group):
                if part.name in own and (part.name, recipe) not in {
                    ("seed", TrainRecipeArguments),
                    ("model_name_or_path", TrainRecipeArguments),
                }:
                    assert own[part.name] == part.metadata["help"], part.name


def test_help_shows_the_groups(capsys):
    with pytest.raises(SystemExit):
        parse_arguments(EvaluateRecipeArguments, ["--help"])
    text = capsys.readouterr().out
    titles = ["Model:", "Dataset:", "How to explain a text:", "Measures:", "Hub:", "Run:"]
    assert [line for line in text.splitlines() if line in titles] == titles
    assert text.index("Hub:") < text.index("--hub_dataset_id") < text.index("Run:")


@pytest.mark.parametrize(
    ("recipe", "unlisted"),
    [
        (ExplainRecipeArguments, set()),
        (EvaluateRecipeArguments, {"classes", "top_classes", "threshold", "self_check", "self_check_share"}),
    ],
)
def test_help_lists_every_option_that_the_recipe_does_not_refuse(recipe, unlisted, capsys):
    with pytest.raises(SystemExit):
        parse_arguments(recipe, ["--help"])
    text = capsys.readouterr().out
    assert {part.name for part in fields(recipe) if f"--{part.name} " not in text} == unlisted


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--self_check", "true", "leave out self_check and self_check_share: an evaluation removes"),
        ("--self_check_share", "0.2", "leave out self_check and self_check_share: an evaluation removes"),
        ("--threshold", "0.2", "threshold says which classes target='all' explains: leave it out"),
        ("--top_classes", "3", "top_classes says which classes target='all' explains: leave it out"),
        ("--classes", "3", "classes chooses among the classes of target='all'"),
    ],
)
def test_a_recipe_says_why_it_refuses_an_option_that_help_does_not_list(flag, value, message, capsys):
    with pytest.raises(SystemExit):
        parse_arguments(EvaluateRecipeArguments, [flag, value])
    assert message in capsys.readouterr().err


def test_the_preset_of_the_paper_is_pinned():
    plain, preset = EvaluateRecipeArguments(), EvaluateRecipeArguments(preset="paper")
    assert preset.methods == ("random", "loo", "sa_raw", "sa_l1", "sa_l2", "sa_linf", "signed_gi")
    fixed = (preset.unit, preset.target, preset.objective, preset.baseline, preset.ties)
    assert fixed == ("word_type", "label", "loss", "zero", "random")
    assert options_of(preset) == replace(options_of(plain), baseline="zero", steps=20)


def test_a_preset_refuses_an_option_that_it_fixes():
    with pytest.raises(GradexplainError, match=r"^preset 'paper' fixes unit: leave out --unit, or leave out --preset$"):
        EvaluateRecipeArguments(preset="paper", unit="word")
    assert EvaluateRecipeArguments(preset="paper", unit="word_type").unit == "word_type"


def test_nothing_is_published_and_no_code_is_run_unless_asked():
    training = TrainRecipeArguments(dataset_name="d", model_type="fasttext", output_dir="out")
    assert (training.push_to_hub, training.data_examples, training.remote_code) == (False, 0, False)
    evaluation = EvaluateRecipeArguments()
    assert (evaluation.push_to_hub, evaluation.publish_text, evaluation.dry_run) == (False, False, False)
    for given in (training, evaluation):
        assert given.hub_private_repo
        assert not given.trust_remote_code
