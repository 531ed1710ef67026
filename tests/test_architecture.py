"""Imports run down only, files and functions stay small: read from the AST, so nothing is imported here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Floors from the ground up; a module may import its own floor and those below.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("types", "errors"),
    ("sequence",),
    ("formulas",),
    ("metrics",),
    ("stats",),
    ("data",),
    ("audit",),
    ("engine",),
    ("protocols",),
    ("making",),
    ("registry",),
    ("run",),
    ("report", "api"),
    ("cli",),
)
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}
MAY_IMPORT = {
    "adapters": {"types", "errors", "sequence", "engine"},
    "benchmarks": {"types", "errors", "sequence", "data"},
}
HEAVY = {"torch", "transformers", "pandas", "peft"}
MAX_LINES, MAX_FUNCTION, MAX_COMMAND = 300, 40, 50
"""A command of the command line is mostly the list of its options."""
LONGER = {"harness/types.py": 400}
"""The nouns stand on one page."""


def sources() -> list[Path]:
    files = [p for top in ("harness", "adapters", "benchmarks") for p in (ROOT / top).rglob("*.py")]
    return sorted(files)


def imports(path: Path, *, top_only: bool = False) -> Iterator[tuple[int, str]]:
    """(line, absolute dotted name) of every import of a file, relative ones resolved."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_only else list(ast.walk(tree))
    folder = ("dnabench", *path.relative_to(ROOT).parts[:-1])
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(folder[: len(folder) - node.level + 1]) if node.level else ""
            stem = ".".join(x for x in (base, node.module or "") if x)
            yield from ((node.lineno, f"{stem}.{alias.name}") for alias in node.names)


def floor_of(parts: tuple[str, ...]) -> str:
    return parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_down_only(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    for line, name in imports(path):
        words = name.split(".")
        if words[0] in ("harness", "adapters", "benchmarks"):
            pytest.fail(f"{path}:{line} imports {name}: write dnabench.{name}")
        if words[0] != "dnabench" or len(words) < 3 or parts[:2] == ("harness", "_root"):
            continue
        where = f"{'/'.join(parts)}:{line} imports {name}"
        if parts[0] == "harness":
            assert words[1] in ("harness", "_version"), f"{where}: the harness finds models and suites by entry point"
            own = floor_of(parts[1:])
            if own != "__init__" and words[2] in LEVEL:
                assert LEVEL[words[2]] <= LEVEL[own], f"{where}: {own} stands below {words[2]}"
        elif words[1] == "harness":
            assert words[2] in MAY_IMPORT[parts[0]], where
        else:
            assert words[1] == parts[0], where


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_heavy_packages_are_imported_at_the_top_only_in_ports_and_engine(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    if parts[:2] in (("adapters", "ports"), ("harness", "engine")):
        return
    for line, name in imports(path, top_only=True):
        assert name.split(".")[0] not in HEAVY, f"{'/'.join(parts)}:{line} imports {name} at the top"


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_small_enough_to_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    limit = LONGER.get(str(path.relative_to(ROOT)), MAX_LINES)
    assert text.count("\n") <= limit, f"{path.name} holds more than one idea"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            most = MAX_COMMAND if path.parent.name == "cli" else MAX_FUNCTION
            assert length <= most, f"{path.name}:{node.lineno} {node.name} has {length} lines"


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_every_harness_module_stands_on_a_known_floor() -> None:
    known = {*LEVEL, "__init__", "_root"}
    assert {floor_of(p.relative_to(ROOT / "harness").parts) for p in (ROOT / "harness").rglob("*.py")} <= known
