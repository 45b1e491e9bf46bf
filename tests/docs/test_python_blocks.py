"""Every Python block of the pages runs, from top to bottom of a page, in the small world."""

import pytest

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.propagation.rules import RULE_SETS
from tests.docs.pages import PAGES, blocks

ELSEWHERE = {
    "CONTRIBUTING.md": "parts of a change, not a program; `mean_gi` of write-a-method.md is the same change, and runs",
    "docs/write-a-method.md": "run by test_write_pages.py, which compares the scores",
    "docs/write-a-shortcut.md": "run by test_write_pages.py, which compares the scores",
}
"""Pages whose blocks do not run here, and why."""

REPLACED = {
    'load_dataset("org/your-data", split="test")["text"][:]': (
        '[f"the {a} {b} film" for a in "abcdefghijklmnopqrstuvwxyz" for b in "abcdefghijklmnopqrstuvwxyz"]'
    ),
    'load_explanations("me/explanations")': 'load_explanations("outputs/your-model")',
    'load_dataset("me/explanations", split="test")': (
        'load_dataset("parquet", data_files="outputs/your-model/documents/*.parquet", split="train")'
    ),
    'check_destination("me/aopc", "space", private=False)': "None",
    'shapiq.KernelSHAPIQ(n=game.n_players, max_order=2, index="k-SII").approximate(budget=2000, game=game)': "game",
    "game = interactions.to_shapiq()": "game = interactions.game()",
    "import shapiq": "",
    'push(space, metric_files("aopc"), message="AOPC")': 'assert metric_files("aopc")',
}
"""Calls that need the hub or an extra, and what runs in their place; tests/hub/ runs them against a hub on loopback."""


@pytest.fixture(autouse=True)
def _restore_registries():
    copies = [(registry, dict(registry)) for registry in (METHODS, RULE_SETS)]
    yield
    for registry, copy in copies:
        registry.clear()
        registry.update(copy)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python") and page not in ELSEWHERE])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_blocks_of_a_page_run(page, world, request, capsys):
    names = {"__name__": "__main__"}
    for number, code in enumerate(blocks(page, "python"), 1):
        for call, instead in REPLACED.items():
            code = code.replace(call, instead)
        if "outputs/" in code:
            request.getfixturevalue("outputs")
        exec(compile(code, f"{page}, Python block {number}", "exec"), names)


def test_no_page_is_left_out_without_need():
    assert ELSEWHERE.keys() <= set(PAGES)
    text = "".join("".join(blocks(page, "python")) for page in PAGES)
    assert [call for call in REPLACED if call not in text] == []
