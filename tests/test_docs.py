"""What the documents show works as shown."""

import re
from pathlib import Path

import numpy as np
import pytest

from hf_gradexplain.methods import METHODS, Method, register
from hf_gradexplain.scores import as_is
from tests.tiny import TEXTS, explainer

ROOT = Path(__file__).parents[1]


def python_blocks(path):
    return re.findall(r"```python\n(.*?)```", (ROOT / path).read_text(encoding="utf-8"), flags=re.S)


@pytest.fixture(autouse=True)
def _methods_put_back():
    own = dict(METHODS)
    yield
    METHODS.clear()
    METHODS.update(own)


def test_a_method_written_by_the_page_works():
    formula, source = python_blocks("docs/write-a-method.md")
    names = {}
    exec(formula, names)
    exec(source, names)
    register("confidence", Method(names["Confidence"](), as_is, False, "the probability"))
    found = explainer("bert")(TEXTS[0], ("mean_gi", "signed_gi", "confidence"), unit="word")
    np.testing.assert_array_equal(np.sign(found.scores["mean_gi"]), np.sign(found.scores["signed_gi"]))
    single = explainer("fasttext")(TEXTS[0], ("mean_gi", "signed_gi"), unit="token")
    np.testing.assert_allclose(single.scores["mean_gi"], single.scores["signed_gi"])
    np.testing.assert_allclose(found.scores["confidence"], found.probabilities[found.target])


def test_links_in_the_documents_lead_somewhere():
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"
