"""Arguments and fields of one name have one default in the whole package."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import hf_gradexplain

ROOT = Path(hf_gradexplain.__file__).parent
SAFE = {"trust_remote_code": "False", "allow_pickle": "False", "private": "True", "hub_private_repo": "True"}
"""Nothing runs the code of others, and nothing becomes public, unless somebody asks for it."""

ALIKE = (
    *("absolute", "beam_size", "checksum", "coefficient", "conversations", "decimals", "embedding_dropout", "flags"),
    *("independent", "initializer_range", "label_column", "legend", "linear", "lowercase", "mask"),
    *("pad_token_id", "precision", "remote_code", "rounds", "seed", "signed", "split", "streaming", "sync"),
    *("text_column", "ties", "vocab_size", "word_dropout"),
)
"""Names that mean the same everywhere."""


def of_function(arguments):
    """Return the names of the arguments of a function with their defaults."""
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default = positional[len(positional) - len(arguments.defaults) :]
    pairs = [*zip(with_default, arguments.defaults, strict=True)]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return [(argument.arg, default) for argument, default in pairs if default is not None]


def of_class(body):
    """Return the fields of a class with their defaults; that of an option is its first argument."""
    for statement in body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            value = statement.value
            is_option = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "option"
            yield statement.target.id, value.args[0] if is_option else value


def of_body(body):
    """Yield the names and the defaults of all functions and classes, except of those within functions."""
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield from of_function(node.args)
        elif isinstance(node, ast.ClassDef):
            yield from of_class(node.body)
            yield from of_body(node.body)


@pytest.fixture(scope="module")
def defaults():
    found = defaultdict(set)
    for path in ROOT.rglob("*.py"):
        for name, default in of_body(ast.parse(path.read_text(encoding="utf-8")).body):
            if isinstance(default, ast.Constant):
                found[name].add(ast.unparse(default))
    return found


@pytest.mark.parametrize(("name", "default"), SAFE.items())
def test_what_is_not_safe_is_never_the_default(name, default, defaults):
    assert defaults[name] == {default}


@pytest.mark.parametrize("name", ALIKE)
def test_arguments_that_mean_the_same_have_the_same_default(name, defaults):
    assert len(defaults[name]) == 1


def test_the_default_seed_is_zero(defaults):
    assert defaults["seed"] == {"0"}
