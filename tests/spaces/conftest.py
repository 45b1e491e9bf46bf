"""An environment with Gradio, beside that of the tests, and the demo running in it."""

import os
import re
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from tests.helpers.tiny import make
from tests.hub.client import ROOT
from tests.hub.conftest import client, hub  # noqa: F401 (fixtures)

collect_ignore = ["browse.py", "call.py"]  # run in the environment of the demo
BROWSER_DRIVER = "playwright"


@dataclass(frozen=True)
class Demo:
    """The running demo.

    Attributes:
        url: Its address.
        models: The folders of the models that it offers.
        python: The interpreter of its environment, for scripts that use its client or drive a browser.
        log: What it wrote.
    """

    url: str
    models: tuple[str, str]
    python: Path
    log: Path

    def run(self, script, *arguments, timeout=900):
        """Run a script of this folder in the environment of the demo, and return its output."""
        command = [self.python, Path(__file__).with_name(script), self.url, *self.models, *map(str, arguments)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        assert ran.returncode == 0, f"{ran.stderr}\n{self.log.read_text()}"
        return ran.stdout


@pytest.fixture(scope="session")
def gradio_python(tmp_path_factory):
    """Return the interpreter of a new environment with what the demo needs; heavy packages are those of the tests."""
    folder = tmp_path_factory.mktemp("gradio")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    python = folder / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    Path(site.stdout.strip(), "tests.pth").write_text(sysconfig.get_path("purelib"))
    pins = [
        line for line in (ROOT / "spaces" / "requirements.txt").read_text().splitlines() if line.startswith("gradio")
    ]
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    ask = [*install, "--dry-run", "--ignore-installed", "--no-deps", "pip"]
    answer = subprocess.run(ask, capture_output=True, text=True, timeout=300, check=False)
    if answer.returncode:
        pytest.skip(f"needs a registry of packages: {answer.stderr[-300:]}")
    subprocess.run([*install, *pins, BROWSER_DRIVER], check=True, timeout=600)
    return python


@pytest.fixture(scope="session")
def demo(gradio_python, tmp_path_factory):
    """Start the demo with two tiny models, and stop it after the tests."""
    folder = tmp_path_factory.mktemp("demo")
    for kind in ("bert", "fasttext"):
        for part in make(kind, dtype=torch.float32):
            part.save_pretrained(folder / kind)
    models = (str(folder / "bert"), str(folder / "fasttext"))
    log = folder / "log"
    environment = os.environ | {
        "DEMO_MODELS": " ".join(models),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_TEMP_DIR": str(folder / "temporary"),
    }
    with log.open("w") as out:
        app = subprocess.Popen([gradio_python, "app.py"], cwd=ROOT / "spaces", env=environment, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 180
        while (started := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())) is None:
            assert app.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield Demo(started[0], models, gradio_python, log)
    finally:
        app.terminate()
        app.wait(60)
