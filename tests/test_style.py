"""The rules of the house that no linter knows."""

import ast
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

import hf_gradexplain

PACKAGE = Path(hf_gradexplain.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
SCRIPTS = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in ("recipes", "spaces")
    for path in sorted((PACKAGE.parent / folder).rglob("*.py"))
}
EVERYWHERE = MODULES | SCRIPTS
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in EVERYWHERE.items()}
# A package with a stub beside its `__init__.py` imports what the stub names when it is used.
STUBS = {
    name: ast.parse(path.with_suffix(".pyi").read_text(encoding="utf-8"))
    for name, path in EVERYWHERE.items()
    if path.with_suffix(".pyi").exists()
}
COMMANDS = {
    f"hf_gradexplain.cli.{name}"
    for name in ("compare", "doctor", "env", "evaluate", "evidence", "explain", "report", "train", "words")
}
MAY_DEFER = {
    "hf_gradexplain",
    "hf_gradexplain.explainer.auditing",
    "hf_gradexplain.explainer.explainer",
    "hf_gradexplain.models",
    *COMMANDS,
}

# A module imports only from folders, and from modules at the top, in rows above its own.
FOLDERS = [
    {"errors"},
    {"options"},
    {"files", "hub", "statistics", "threads", "viz"},
    {"corpus", "loading", "metrics", "models", "text"},
    {"classifier"},
    {"perturb", "propagation"},
    {"probing"},
    {"attribution"},
    {"explanation", "training"},
    {"engine"},
    {"evaluation", "interactions", "ranking"},
    {"audit"},
    {"plots", "run"},
    {"explainer"},
    {"cards", "pipelines", "sharing"},
    {"commands"},
    {"hf_gradexplain"},
    {"cli"},
    {"__main__"},
]

# Inside a folder, a module imports only from rows above its own; `__init__` re-exports what stands above it.
INSIDE = {
    "options": [
        {"tokenizer_kwargs", "values"},
        {"classes", "fields", "sampling"},
        {"words"},
        {"options"},
        {"arguments"},
        {"signatures"},
        {"__init__"},
    ],
    "statistics": [{"ragged_array", "rounding", "sampling"}, {"coefficients"}],
    "explanation": [
        {"classes", "correlation", "random_sets", "remarks"},
        {"self_check"},
        {"reading", "records"},
        {"arrow_columns", "assessment", "record_files"},
        {"parts"},
        {"display"},
        {"explanation"},
        {"explanations"},
        {"__init__"},
    ],
    "engine": [{"leave_out", "memory", "scored"}, {"engine"}, {"stream"}, {"__init__"}],
    "ranking": [{"comparison"}, {"preference", "ranking"}],
    "explainer": [
        {"auditing", "comparing", "interacting", "refining", "streaming", "zero_shot"},
        {"explainer"},
        {"__init__"},
    ],
    "text": [
        {"beginning", "scripts", "sequences", "texts", "tokenize", "unit", "unit_index"},
        {"data"},
        {"characters", "chat", "ordinary_tokens"},
        {"alignment"},
        {"character_alignment", "joined", "sentences", "windows", "words"},
        {"chat_tokens", "hierarchy", "larger_units", "python_tokenizers"},
        {"dropped_characters"},
        {"collate", "encode"},
        {"given_units", "hypotheses", "rationales"},
    ],
    "classifier": [
        {"process_settings"},
        {"autodiff", "combine", "head", "limits", "lookups", "memory", "outputs", "recording", "state"},
        {"embedding_lookups", "objective", "targets"},
        {"token_places"},
        {"copies", "hooked_model"},
        {"key_values"},
        {"hooked_classifier"},
    ],
    "perturb": [
        {"copies"},
        {"masked_sequences", "matmul", "fasttext", "orders", "packed_words"},
        {"generic"},
        {"cells", "shared_prefix", "textcnn"},
        {"bilstm"},
        {"shortcuts"},
        {"__init__"},
    ],
    "propagation": [{"activations"}, {"nodes"}, {"rules"}, {"graph"}, {"conservation"}],
    "probing": [
        {"gradient_checks", "report"},
        {"open_classifier", "prefix_check", "propagation_check", "tokenizer_checks"},
        {"probe", "compiled"},
        {"padding", "doctor"},
    ],
    "attribution": [
        {"descriptions", "formulas", "baseline", "gradients"},
        {"sources", "baseline_distribution"},
        {"perturbed_copies"},
        {"kinks", "masking.game", "masking.regression", "occlusion"},
        {"averaged_gradients"},
        {"masking.budget"},
        {"masking.source", "masking.walks"},
        {"masking.surrogate", "gradient_shap"},
        {"masking.shapley"},
        {"masking.kernel_shap", "masking.lime", "masking.partition_shapley"},
        {"all_classes"},
        {"methods"},
        {"choice", "conservation_gap", "prepare", "signed"},
    ],
    "evaluation": [
        {"columns", "exact_sums", "median"},
        {"aopc", "extra_measures"},
        {"bootstrap"},
        {"comparisons", "correlation", "naopc", "random_band"},
        {"documents"},
        {"agreement", "evaluate", "ground_truth", "read_documents"},
        {"tables"},
        {"baselines", "summaries"},
        {"sanity_summaries"},
        {"presentation"},
        {"report"},
        {"__init__"},
    ],
    "audit": [
        {"removed_alone", "detector"},
        {"read_words", "in_distribution"},
        {"most_faithful"},
        {"words.word_tests"},
        {"words.sums"},
        {"words.words"},
        {"words.page"},
        {"compare.moderated", "compare.seeds"},
        {"compare.paired_words", "compare.run_means", "compare.runs_in_step"},
        {"compare.changed_texts", "compare.drift", "compare.moved_words"},
        {"compare.result"},
        {"compare.compare", "compare.thresholds"},
        {"compare.summary"},
        {"suspicious.candidates", "suspicious.insertion_places"},
        {"suspicious.insertion"},
        {"suspicious.result"},
        {"suspicious.find"},
        {"sanity.model_layers", "sanity.rank_agreement", "sanity.result"},
        {"sanity.input_shift", "sanity.rounds"},
        {"sanity.sanity"},
        {"evidence.decision", "evidence.main_words", "evidence.measured"},
        {"evidence.wording"},
        {"evidence.marked_text", "evidence.wording_of_measures"},
        {"evidence.evidence"},
        {"plausibility.places"},
        {"plausibility.hybrid", "plausibility.plausibility"},
    ],
    "run": [
        {"cost", "evaluation_inputs", "fingerprints", "finished_files", "heartbeat", "passes"},
        {"describe", "folder", "processes", "rows", "shard_queue", "shards"},
        {"progress", "shared_tasks"},
        {"results", "runner", "sanity"},
        {"finished_run"},
        {"estimate", "evaluation", "hybrid", "measures", "rewrite"},
        {"compare", "estimated_parts", "evidence", "make_run"},
        {"in_memory"},
        {"verify_evidence"},
    ],
    "interactions": [{"indices", "value_function"}, {"display"}, {"result"}, {"find", "__init__"}],
    "hub": [{"provenance", "push"}],
    "cli": [
        {"inputs", "output", "zero_shot"},
        {
            "compare",
            "completion",
            "doctor",
            "env",
            "evaluate",
            "evidence",
            "explain",
            "methods",
            "report",
            "train",
            "words",
        },
        {"__init__"},
    ],
    "commands": [
        {"recipe_files", "doctor", "class_labels", "model_folder", "rationales", "recommend", "zero_shot"},
        {"parsing", "recipe_arguments", "run_options", "sanity"},
        {"explain", "inputs", "publish", "suspicious_words", "train", "words"},
        {"dry_run"},
        {"evaluate"},
        {"compare"},
    ],
}


def level_of(module: str) -> int:
    part = module.removeprefix("hf_gradexplain.").split(".")[0]
    levels = [level for level, names in enumerate(FOLDERS) if part in names]
    assert levels, f"hf_gradexplain.{part} has no level: put it into FOLDERS"
    return levels[0]


def level_inside(module: str) -> int:
    """The row of a module inside its folder."""
    folder, _, name = module.removeprefix("hf_gradexplain.").partition(".")
    levels = [level for level, names in enumerate(INSIDE[folder]) if (name or "__init__") in names]
    assert levels or not name, f"{module} has no level: put it into INSIDE"
    return levels[0] if levels else 0


def own_imports(module: str) -> list[tuple[str, ast.AST]]:
    """What a module imports from the package and from the recipes, now or later, by name, and where.

    Where there is a stub, so do the strings that name modules: they are imported later as well.
    """
    package = module if EVERYWHERE[module].name == "__init__.py" else module.rpartition(".")[0]
    found: list[tuple[str, ast.AST]] = []
    for node in chain(ast.walk(TREES[module]), ast.walk(STUBS[module]) if module in STUBS else ()):
        if isinstance(node, ast.Import):
            found += [(alias.name, node) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(part for part in (up, node.module) if part)
            inner = [f"{source}.{alias.name}" for alias in node.names]
            found += [(name if name in EVERYWHERE else source, node) for name in inner]
        elif isinstance(node, ast.Constant) and module in STUBS and "." in str(node.value):
            found.append((str(node.value), node))
    return [(name, node) for name, node in found if name.split(".")[0] in ("hf_gradexplain", "recipes")]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_levels_above_its_own(module):
    folder = module.split(".")[:2]
    for name, node in own_imports(module):
        if name.split(".")[:2] != folder:
            assert level_of(name) < level_of(module), f"line {node.lineno}: {module} imports {name}"
        elif folder[-1] in INSIDE and name != module:
            assert level_inside(name) < level_inside(module), f"line {node.lineno}: {module} imports {name}"


def test_every_folder_says_in_one_line_what_it_is_for():
    for name, path in MODULES.items():
        if path.name == "__init__.py":
            assert (ast.get_docstring(TREES[name]) or "").partition("\n")[0].endswith((".", "?")), name


def test_there_are_no_import_cycles():
    graph = {module: {name for name, _ in own_imports(module)} - {module} for module in EVERYWHERE}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("module", EVERYWHERE)
def test_own_imports_are_never_deferred(module):
    deferred = [node.lineno for _, node in own_imports(module) if node not in TREES[module].body]
    assert bool(deferred) == (module in MAY_DEFER), f"lines {deferred}"


def test_stubs_name_modules_that_exist():
    assert STUBS.keys() < MAY_DEFER
    assert all(name in EVERYWHERE for module in STUBS for name, _ in own_imports(module))


def is_unpacked(argument: ast.arg) -> bool:
    """Whether the names of keyword arguments are spelt out by a `TypedDict`: `**options: Unpack[Options]`."""
    return argument.annotation is not None and ast.unparse(argument.annotation).startswith("Unpack[")


@pytest.mark.parametrize("module", EVERYWHERE)
def test_nothing_takes_arguments_by_any_name(module):
    """A `**kwargs` hides what may be passed, and swallows what is misspelt; `**options: Unpack[...]` names them."""
    functions = (node for node in ast.walk(TREES[module]) if isinstance(node, ast.FunctionDef | ast.Lambda))
    if "configuration_" not in module:
        assert [node.lineno for node in functions if node.args.kwarg and not is_unpacked(node.args.kwarg)] == []


@pytest.mark.parametrize("module", EVERYWHERE)
def test_files_and_functions_stay_short(module):
    lines = len(EVERYWHERE[module].read_text(encoding="utf-8").splitlines())
    assert lines <= 300
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.FunctionDef):
            code = node.body[1:] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body
            assert code[-1].end_lineno - code[0].lineno < 40, f"{node.name} in line {node.lineno}"
