"""The examples in docstrings run and say what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SKIPPED = ("_root", "build.py", "__init__.py")


def modules() -> list[str]:
    files = [p.relative_to(ROOT) for top in ("harness", "adapters", "benchmarks") for p in (ROOT / top).rglob("*.py")]
    kept = [p for p in files if not set(SKIPPED) & set(p.parts)]
    return sorted(".".join(("dnabench", *p.with_suffix("").parts)) for p in kept)


@pytest.mark.parametrize("name", modules())
def test_the_examples_of_a_module_hold(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ImportError as missing:
        pytest.skip(f"{name} needs {missing.name}")
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert failed == 0
