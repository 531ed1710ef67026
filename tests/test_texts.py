"""What README and the other pages show can be typed, and what the map names is there."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from dnabench.harness.cli.app import app
from dnabench.harness.cli.spellings import respell

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (".", "docs", "results", "adapters", "benchmarks", "benchmarks/*")
PAGES = sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/*.md"))
COMMANDS = get_command(app).commands
PLACES = ("audit", "cli", "data", "engine", "report", "run", "stats")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def lines_of(page: Path) -> list[str]:
    """The command lines of a page's code blocks, without what a shell does with them."""
    found = re.findall(
        r"^(?!.*`|dnabench measures)(?: {4}.*?|.*run: )?\b(dnabench [a-z]+ .*)$", page.read_text(encoding="utf-8"), re.M
    )
    return [re.split(r" +(?:#|>>?|\|\|?) ?", line)[0] for line in found]


def inline_of(page: Path) -> list[str]:
    """Commands inside sentences, which may leave out what everybody knows."""
    text = page.read_text(encoding="utf-8")
    return [" ".join(code.split()) for code in re.findall(r"`(dnabench [a-z]+(?:\s[^`]*)?)`", text)]


@each_page
def test_every_command_line_of_a_page_is_understood(page: Path) -> None:
    for line in lines_of(page):
        (name, *rest), _ = respell(shlex.split(line)[1:])
        COMMANDS[name].make_context(name, rest)


@each_page
def test_every_command_in_a_sentence_has_its_options(page: Path) -> None:
    for code in inline_of(page):
        (name, *rest), _ = respell(shlex.split(code)[1:])
        known = {word for one in COMMANDS[name].params for word in (*one.opts, *one.secondary_opts)}
        assert not [word for word in rest if word.startswith("-") and word not in known], code


def test_pages_show_commands_at_all() -> None:
    assert sum(len(lines_of(page)) for page in PAGES) > 45
    assert sum(len(inline_of(page)) for page in PAGES) > 20


def test_every_module_that_the_map_names_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(rf"`((?:{'|'.join(PLACES)})/[a-z_]+)", text)
    assert len(named) > 30
    assert not [
        one for one in named if not ((ROOT / "harness" / f"{one}.py").exists() or (ROOT / "harness" / one).is_dir())
    ]


@each_page
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]
