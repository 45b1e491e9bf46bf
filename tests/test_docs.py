"""The code in the documentation runs and is right."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.perturb import SHORTCUTS, Shortcut, generic, shortcut_of
from tests.helpers.tiny import TEXTS, explainer, word_tokenizer

ROOT = Path(__file__).parents[1]


def python_blocks(path):
    return re.findall(r"```python\n(.*?)```", (ROOT / path).read_text(encoding="utf-8"), flags=re.S)


@pytest.fixture(autouse=True)
def _restore_registries():
    copies = [(registry, dict(registry)) for registry in (METHODS, SHORTCUTS)]
    yield
    for registry, copy in copies:
        registry.clear()
        registry.update(copy)


def test_the_methods_of_the_page_work():
    formula, source = python_blocks("docs/write-a-method.md")
    names = {}
    exec(formula, names)
    exec(source, names)
    explanation = explainer("bert")(TEXTS[0], ("mean_gi", "signed_gi", "confidence"), unit="word")
    np.testing.assert_array_equal(np.sign(explanation.scores["mean_gi"]), np.sign(explanation.scores["signed_gi"]))
    for baseline in ("zero", "mean"):
        single = explainer("fasttext")(TEXTS[0], ("mean_gi", "signed_gi"), unit="token", baseline=baseline)
        np.testing.assert_allclose(single.scores["mean_gi"], single.scores["signed_gi"])
    np.testing.assert_allclose(explanation.scores["confidence"], explanation.probabilities[explanation.target])


def test_the_shortcut_of_the_page_is_exact():
    _, model, shortcut, check = python_blocks("docs/write-a-shortcut.md")
    names = {"tokenizer": word_tokenizer(), "texts": list(TEXTS)}
    exec(model, names)
    exec(shortcut, names)
    torch.manual_seed(0)
    names["model"] = names["SumOfWords"](len(names["tokenizer"]), 6, 3).double()
    leave_one_out = names["sum_of_words_leave_one_out"]
    assert shortcut_of(names["model"]).leave_one_out is leave_one_out
    exec(check, names)
    classifier = replace(names["classifier"], baseline=(torch.arange(6.0, dtype=torch.float64),))
    forward = replace(names["forward"], classifier=classifier)
    with torch.no_grad():
        torch.testing.assert_close(leave_one_out(forward), generic.leave_one_out(forward), rtol=0, atol=1e-10)
    SHORTCUTS[names["SumOfWords"]] = Shortcut(leave_one_out=lambda forward: 1.001 * leave_one_out(forward))
    with pytest.raises(AssertionError, match="not close"):
        exec(check, names)


def test_links_between_documents_exist():
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"
