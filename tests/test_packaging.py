"""The wheel holds every package and data file: an explicit list silently drops what it forgets."""

import configparser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"harness/_root": "dnabench", "harness": "dnabench.harness", "adapters": "dnabench.adapters"}
FOLDERS["benchmarks"] = "dnabench.benchmarks"


def config() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def packages_on_disk() -> set[str]:
    found = {"dnabench", "dnabench.published"}
    for top in ("harness", "adapters", "benchmarks"):
        for init in (ROOT / top).rglob("__init__.py"):
            folder = init.parent.relative_to(ROOT)
            if folder.parts[:2] != ("harness", "_root"):
                found.add(".".join(("dnabench", *folder.parts)))
    return found


def test_every_folder_with_an_init_is_listed_in_setup_cfg() -> None:
    listed = set(config()["options"]["packages"].split())
    assert packages_on_disk() == listed


def test_every_entry_point_names_a_thing_that_exists() -> None:
    from importlib import import_module

    points = config()["options.entry_points"]
    classes = points["dnabench.models"].strip().splitlines() + points["dnabench.families"].strip().splitlines()
    for line in classes:
        module, _, attribute = line.split("=")[1].strip().partition(":")
        assert hasattr(import_module(module), attribute), line
    for line in points["dnabench.suites"].strip().splitlines():
        folder = ROOT / line.split("=")[1].strip().removeprefix("dnabench.").replace(".", "/")
        assert (folder / "suite.yaml").is_file(), line


def test_every_suite_folder_ships_its_data(tmp_path: Path) -> None:
    patterns = [p.strip() for p in config()["options.package_data"]["dnabench.benchmarks"].split(",")]
    kept = {path for pattern in patterns for path in (ROOT / "benchmarks").glob(pattern)}
    present = {
        path for path in (ROOT / "benchmarks").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert present <= kept, sorted(str(p.relative_to(ROOT)) for p in present - kept)


def test_importing_a_folder_under_its_bare_name_is_refused() -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("harness", ROOT / "harness" / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(ImportError, match=r"import dnabench\.harness"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
