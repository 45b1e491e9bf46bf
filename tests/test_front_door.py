"""What `import hf_gradexplain` gives, what it makes transformers know, and what it does not load."""

import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import hf_gradexplain
from tests.helpers import forked
from tests.helpers.tiny import OURS, make

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "transformers", "datasets", "scipy", "matplotlib", "pandas")
EXPORTS = [
    "Backward",
    "BiLSTMConfig",
    "BiLSTMForSequenceClassification",
    "Evaluation",
    "Explainer",
    "Explanation",
    "Explanations",
    "FastTextConfig",
    "FastTextForSequenceClassification",
    "GradexplainError",
    "Interactions",
    "METHODS",
    "Method",
    "Preference",
    "Ranking",
    "Shortcut",
    "Source",
    "TextCNNConfig",
    "TextCNNForSequenceClassification",
    "ZeroShotExplainer",
    "compare_runs",
    "evidence",
    "explain",
    "load_explanations",
    "plots",
    "register",
    "register_shortcut",
]


def fresh(code, *arguments):
    """The last line that code prints in a process where nothing was imported before it."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    found = []
    for kind in OURS:
        found.append(tmp_path_factory.mktemp(kind))
        for part in make(kind):
            part.save_pretrained(found[-1])
    return found


def test_what_users_and_extenders_need_is_exported_and_nothing_else():
    assert hf_gradexplain.__all__ == dir(hf_gradexplain) == EXPORTS


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_what_its_name_says(name):
    found = getattr(hf_gradexplain, name)
    assert isinstance(found, ModuleType) == (name == "plots")
    assert getattr(found, "__name__", name).removeprefix("hf_gradexplain.") == name


def test_an_unknown_name_is_named():
    with pytest.raises(AttributeError, match=r"hf_gradexplain.*explian"):
        _ = hf_gradexplain.explian


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert hf_gradexplain.__version__ == project["version"]


# `AutoConfig` is imported in the middle of the module of `PreTrainedModel`, so no model may be imported with it.
CONFIGS = """
assert "transformers.modeling_utils" not in sys.modules
print(*(type(AutoConfig.from_pretrained(folder)).__name__ for folder in sys.argv[1:]))
"""
MODELS = """
print(*(type(AutoModelForSequenceClassification.from_pretrained(folder)).__name__ for folder in sys.argv[1:]))
"""
PIPELINE = """
print(*(type(pipeline("text-attribution", model=folder)("a good film")).__name__ for folder in sys.argv[1:]))
"""
KNOWN = {CONFIGS: "{}Config", MODELS: "{}ForSequenceClassification", PIPELINE: "Explanation"}


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param("import hf_gradexplain; from transformers import AutoConfig", CONFIGS, id="AutoConfig"),
        pytest.param(
            "import hf_gradexplain; from transformers import AutoModelForSequenceClassification",
            MODELS,
            id="Auto model",
        ),
        pytest.param(
            "import transformers, hf_gradexplain; from transformers import pipeline",
            PIPELINE,
            id="pipeline",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "from transformers import AutoModelForSequenceClassification, pipeline; import hf_gradexplain",
            PIPELINE,
            id="transformers",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_transformers_knows_what_we_add_whatever_is_imported_first(first, then, folders, tmp_path):
    names = [KNOWN[then].format(name) for name in ("FastText", "TextCNN", "BiLSTM")]
    (tmp_path / "code.py").write_text(f"import sys; {first}{then}")
    ran = forked.run(tmp_path / "code.py", *folders)
    assert ran.stdout.splitlines()[-1].split() == names, ran.stderr


LOADED = f"print([name for name in {HEAVY} if name in sys.modules])"
COMMAND = f"""
import runpy, sys
try:
    runpy.run_module("hf_gradexplain", run_name="__main__")
except SystemExit as stopped:
    print(stopped.code, end=" ")
{LOADED}
"""


def test_the_import_loads_no_large_library():
    assert fresh(f"import hf_gradexplain, sys; {LOADED}") == "[]"


@pytest.mark.parametrize("argument", ["--help", "--version", "methods"])
def test_what_is_asked_of_the_command_itself_loads_no_large_library(argument):
    assert fresh(COMMAND, argument) == "0 []"
