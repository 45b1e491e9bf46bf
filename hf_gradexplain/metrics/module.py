"""The metrics as `evaluate` modules for the hub: a folder with code, requirements, card and widget."""

import inspect
import re
from importlib.metadata import requires
from pathlib import Path

import evaluate
from evaluate.loading import get_imports

from hf_gradexplain.errors import choose
from hf_gradexplain.metrics.aopc import AOPC
from hf_gradexplain.metrics.loo_correlation import LOOCorrelation
from hf_gradexplain.viz.templating import MARKDOWN

METRICS: dict[str, type[evaluate.Metric]] = {"aopc": AOPC, "loo_correlation": LOOCorrelation}

_TITLES = {"aopc": "AOPC", "loo_correlation": "Correlation with leave-one-out"}

_EXAMPLES = {
    "aopc": "metric.compute(curves=[[0.9, 0.5, 0.1], [0.8, 0.8]])",
    "loo_correlation": "metric.compute(scores=[[1.0, 2.0, 4.0]], loo=[[1.0, 3.0, 4.0]])",
}

_WIDGET = """import evaluate.utils
from {name} import {metric}

evaluate.utils.launch_gradio_widget({metric}())
"""


def metric_files(name: str) -> dict[str, bytes]:
    """Return the files of a metric as an `evaluate` module, by path: `NAME.py`, its card, requirements and widget.

    `evaluate.load` loads them from a folder called `NAME`, or by name from a space `owner/NAME` on the hub. The code
    is self-contained: it needs `evaluate` and the requirements, but not this package.

    Args:
        name: `aopc` or `loo_correlation`.

    Raises:
        GradexplainError: The name is unknown.
    """
    metric = METRICS[choose("metric", name, METRICS)]
    source = Path(inspect.getfile(metric))
    info = metric._info(object.__new__(metric))  # creating a metric would create its cache folder
    card = MARKDOWN.get_template("metric_card.md.jinja").render(
        title=_TITLES[name],
        description=info.description,
        name=name,
        example=_EXAMPLES[name],
        inputs=inspect.cleandoc(info.inputs_description),
    )
    return {
        f"{name}.py": source.read_bytes(),
        "README.md": card.encode(),
        "requirements.txt": "".join(f"{line}\n" for line in _requirements(source)).encode(),
        "app.py": _WIDGET.format(name=name, metric=metric.__name__).encode(),
    }


def _requirements(source: Path) -> list[str]:
    """Return the packages that the code imports, in the versions that this package needs."""
    imported = {path for kind, _, path, _ in get_imports(str(source)) if kind == "library"}
    requirements = [line for line in requires("hf_gradexplain") or [] if ";" not in line]
    return sorted(line for line in requirements if re.split(r"[<>=!~ ]", line)[0] in imported)
