"""The folder of a metric is a module that `evaluate` loads."""

import sys

import evaluate
import pytest
import yaml
from evaluate.loading import get_imports

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.metrics import metric_files
from hf_gradexplain.metrics.module import _EXAMPLES, METRICS


@pytest.fixture
def folder(tmp_path, monkeypatch, request):
    """The folder of a metric, and a separate cache for `evaluate`."""
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(evaluate.config, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in [name for name in sys.modules if name.startswith("evaluate_modules")]:
        monkeypatch.delitem(sys.modules, name)
    folder = tmp_path / request.param
    folder.mkdir()
    for path, content in metric_files(request.param).items():
        (folder / path).write_bytes(content)
    return folder


@pytest.mark.parametrize("folder", METRICS, indirect=True)
def test_it_is_loaded_from_its_folder_and_computes_the_same(folder):
    metric = evaluate.load(str(folder))
    assert type(metric) is not METRICS[folder.name]
    assert type(metric).__module__.startswith("evaluate_modules.")
    own = METRICS[folder.name]()
    numbers = eval(_EXAMPLES[folder.name], {"metric": metric})
    assert numbers == eval(_EXAMPLES[folder.name], {"metric": own})
    assert numbers["n"] >= 1


@pytest.mark.parametrize("folder", METRICS, indirect=True)
def test_the_code_is_self_contained_and_lists_its_requirements(folder):
    imports = {path for _, _, path, _ in get_imports(str(folder / f"{folder.name}.py"))}
    required = {line.partition(">=")[0] for line in (folder / "requirements.txt").read_text().splitlines()}
    assert imports - set(sys.stdlib_module_names) == required
    assert {"evaluate", "datasets", "numpy"} <= required
    assert "hf_gradexplain" not in required
    assert "hf_gradexplain" not in (folder / f"{folder.name}.py").read_text()


@pytest.mark.parametrize("folder", METRICS, indirect=True)
def test_the_card_makes_it_a_space_with_a_widget(folder):
    _, head, body = (folder / "README.md").read_text().split("---\n", 2)
    metadata = yaml.safe_load(head)
    assert metadata["sdk"] == "gradio"
    assert metadata["tags"] == ["evaluate", "metric"]
    assert (folder / metadata["app_file"]).exists()
    assert _EXAMPLES[folder.name] in body
    assert METRICS[folder.name]().inputs_description.strip() in body
    compile((folder / "app.py").read_text(), "app.py", "exec")


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(GradexplainError, match="unknown metric 'aopcs': did you mean 'aopc'"):
        metric_files("aopcs")
