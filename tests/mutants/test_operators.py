"""The mutations of a small module, and the sample of mutants."""

import ast
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.nearest import stages
from tests.mutants.operators import mutations
from tests.mutants.sample import ROOT, all_mutants, draw

SOURCE = '''"""Länge: 1 + 1."""

import math


def area(x: float = 1.5, *, n: "1 + 1" = 0) -> int:
    """Return 2 + 2."""
    if x < n:
        raise ValueError(f"{x + 1} is below {n}")
    x.check()
    y = x.abs() * 2
    total = y.sum(-1, keepdim=True) + y.mean(dim=0)
    assert total > 0
    pairs = zip(x, y, strict=True)
    return total
'''

EXPECTED = {
    ("constant", "(2.5)", 'def area(x: float = (2.5), *, n: "1 + 1" = 0) -> int:'),
    ("constant", "(1)", 'def area(x: float = 1.5, *, n: "1 + 1" = (1)) -> int:'),
    ("comparison", "(x <= n)", "if (x <= n):"),
    ("dropped call", "pass", "pass"),
    ("dropped call", "x", "x"),
    ("dropped call", "x", "y = x * 2"),
    ("arithmetic", "(x.abs() / 2)", "y = (x.abs() / 2)"),
    ("constant", "(3)", "y = x.abs() * (3)"),
    ("arithmetic", "(y.sum(-1, keepdim=True) - y.mean(dim=0))", "total = (y.sum(-1, keepdim=True) - y.mean(dim=0))"),
    ("axis", "y.sum(0, keepdim=True)", "total = y.sum(0, keepdim=True) + y.mean(dim=0)"),
    ("axis", "y.mean(dim=-1)", "total = y.sum(-1, keepdim=True) + y.mean(dim=-1)"),
    ("constant", "(2)", "total = y.sum(-(2), keepdim=True) + y.mean(dim=0)"),
    ("constant", "False", "total = y.sum(-1, keepdim=False) + y.mean(dim=0)"),
    ("constant", "(1)", "total = y.sum(-1, keepdim=True) + y.mean(dim=(1))"),
    ("changed return", "return None", "return None"),
}


def test_every_operator_makes_the_expected_changes_and_no_other():
    found = mutations(SOURCE)
    assert {(m.operator, m.text, m.apply(SOURCE).splitlines()[m.line - 1].strip()) for m in found} == EXPECTED
    for mutation in found:
        changed = mutation.apply(SOURCE)
        ast.parse(changed)
        before, after = SOURCE.splitlines(), changed.splitlines()
        assert [i for i, (a, b) in enumerate(zip(before, after, strict=True), 1) if a != b] == [mutation.line]


def test_a_sample_depends_on_its_seed_and_has_different_lines():
    some, again, other = (draw(200, seed, folders=["text", "perturb", "viz"]) for seed in (1, 1, 2))
    assert some == again != other
    assert len({(mutant.path, mutant.mutation.line) for mutant in some}) == 200
    assert {mutant.mutation.operator for mutant in some} == {m.operator for m in mutations(SOURCE)}


def test_lines_are_drawn_uniformly(tmp_path):
    """A line with many mutations is as likely as a line with one."""
    (tmp_path / "hf_gradexplain").mkdir()
    (tmp_path / "hf_gradexplain" / "a.py").write_text("a = 1\nb = 1 + 2 * 3 - 4 / 5 + (6 < 7)\n")
    drawn = Counter(draw(1, seed, tmp_path)[0].mutation.line for seed in range(400))
    assert drawn[1] == pytest.approx(200, abs=60)


def test_a_sample_stays_the_same_where_the_package_does(tmp_path):
    """Two equal lines are told apart, and a change of one line moves no other."""
    path = tmp_path / "hf_gradexplain" / "a.py"
    path.parent.mkdir()
    path.write_text("\n".join(f"x{i} = {i}" for i in range(100)) + "\ny = 1\ny = 1\n")
    before = draw(30, 1, tmp_path)
    path.write_text("# A comment.\n" + path.read_text().replace("x7 = 7", "x7 = 8"))
    after = draw(30, 1, tmp_path)
    assert len({m.name for m in before} & {m.name for m in after}) >= 29
    assert len({m.name for m in draw(102, 1, tmp_path)}) == 102


def test_a_sample_may_be_limited_to_folders_and_modules():
    paths = {path for path, _ in all_mutants(folders=["text", "files"])}
    assert {path.parent.name for path in paths} == {"text", "hf_gradexplain"}
    assert {path.name for path in paths if path.parent.name == "hf_gradexplain"} == {"files.py"}


def test_every_equivalent_mutant_still_exists():
    names = {(m.path.as_posix(), m.before, m.after) for mutants in all_mutants().values() for m in mutants}
    assert EQUIVALENT.keys() - names == set()


def test_the_nearest_tests_run_first_and_every_test_once():
    first, second, rest = stages(Path("hf_gradexplain/text/encode.py"), ROOT)
    assert first == [Path("hf_gradexplain/text/encode.py"), Path("tests/text/test_encode.py")]
    assert {path.parent for path in second} == {Path("tests/text")}
    assert Path("tests/recipes/test_train.py") in rest
    tests = {path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")}
    left_out = {path for path in tests if path.parts[1] in ("mutants", "gpu", "test_style.py")}
    everything = [*first[1:], *second, *rest]
    assert len(everything) == len(set(everything))
    assert set(everything) == tests - left_out


def test_tests_of_the_folder_above_are_near_if_a_folder_has_none_of_its_own():
    first, second, _ = stages(Path("hf_gradexplain/models/fasttext/modeling_fasttext.py"), ROOT)
    assert Path("tests/models/test_models.py") in first + second


def test_a_test_that_imports_a_module_is_nearer_than_one_that_reaches_it_through_others():
    order = list(chain.from_iterable(stages(Path("hf_gradexplain/classifier/memory.py"), ROOT)))
    assert order.index(Path("tests/perturb/test_generic.py")) < order.index(Path("tests/recipes/test_train.py"))
