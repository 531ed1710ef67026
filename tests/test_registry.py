"""Names find suites, tasks and models, and an unknown name is told its nearest neighbour."""

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from dnabench.harness import registry
from dnabench.harness.errors import AdapterError, RequestError

Writer = Callable[..., Path]
MODEL = '''
from dnabench.harness.types import ModelInfo

class Plain:
    """Says where it was asked."""
    capabilities = frozenset({"embed"})
    def __init__(self, k: int = 4, loud: bool = False):
        self.k, self.loud = k, loud
    @property
    def info(self):
        return ModelInfo("plain", "plain", 1, options={"k": self.k, "loud": self.loud})
    def embed(self, sequences):
        return [[len(s)] for s in sequences]

class Lazy:
    info = ModelInfo("lazy", "lazy", 1)
    capabilities = frozenset({"embed", "module"})
    def embed(self, sequences): ...
    def module(self, outputs, length): ...

class Nameless:
    capabilities = frozenset({"embed"})

class Wrong:
    info = ModelInfo("wrong", "wrong", 1)
    capabilities = frozenset({"embedding"})
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my model.py"
    path.write_text(MODEL, encoding="utf-8")
    return path


def test_suites_and_models_of_this_package_are_found() -> None:
    assert {"yeast", "gue"} <= set(registry.suites())
    assert {"majority", "gc", "length", "kmer", "onehot", "nearest", "cnn"} <= set(registry.models())
    assert all(registry.models().values())


def test_nothing_heavy_is_imported_to_list_names() -> None:
    code = (
        "import sys; from dnabench.harness import registry as r; r.models(); r.find_tasks(tasks=['*'])\n"
        "print([m for m in ('numpy', 'scipy', 'sklearn', 'torch', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("spelling", ["{}", "{}/suite.yaml"])
def test_a_folder_or_file_of_yours_is_a_suite(write_suite: Writer, spelling: str) -> None:
    folder = write_suite(("a", "b"))
    assert registry.load_suite(spelling.format(folder)).name == "mine"
    assert [t.name for t in registry.find_tasks([], [spelling.format(folder)])] == ["mine/a", "mine/b"]


@pytest.mark.parametrize(
    ("suites", "tasks", "expected"),
    [
        (["yeast"], [], 4),
        ([], ["yeast"], 4),
        ([], ["yeast/coding,yeast/promoter"], 2),
        ([], ["yeast/coding yeast/promoter", "yeast/coding"], 2),
        ([], ["yeast/coding*"], 2),
        (["yeast"], ["coding*"], 2),
        (["yeast"], ["yeast/promoter"], 1),
        ([], ["*/coding"], 1),
        (["yeast"], ["gue/emp_H3"], 1),
        ([], ["gue/emp_*"], 10),
    ],
)
def test_tasks_are_named_by_id_glob_or_suite(suites: list[str], tasks: list[str], expected: int) -> None:
    assert len(registry.find_tasks(suites, tasks)) == expected


def test_a_table_is_a_task_whatever_its_path_holds(tmp_path: Path) -> None:
    path = tmp_path / "my data, new.csv"
    rows = "".join(f"{'ACGT' * 5}{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'ACGT'[i // 16]},{i % 2}\n" for i in range(60))
    path.write_text("sequence,label\n" + rows, encoding="utf-8")
    (task,) = registry.find_tasks([], [str(path)])
    assert task.name.startswith("local/")


@pytest.mark.parametrize(
    ("ask", "hint"),
    [
        (lambda: registry.load_suite("yaest"), "Did you mean 'yeast'"),
        (lambda: registry.load_suite("nowhere/suite.yaml"), "does not exist"),
        (lambda: registry.find_tasks([], ["gue/emp_H33"]), "Did you mean 'gue/emp_H3"),
        (lambda: registry.find_tasks(["yeast"], ["codng"]), "there is no task 'codng'"),
        (lambda: registry.find_tasks([], ["gone.csv"]), "gone.csv does not exist"),
        (lambda: registry.find_tasks([], []), "no task was named"),
        (lambda: registry.find_model("kmre"), "Did you mean 'kmer'"),
        (lambda: registry.find_model("kmer", {"kk": "3"}), "no option 'kk'"),
        (lambda: registry.find_model("gone.py:Model"), "gone.py does not exist"),
    ],
)
def test_an_unknown_name_is_one_sentence_with_the_nearest(ask: Callable[[], object], hint: str) -> None:
    with pytest.raises(RequestError) as caught:
        ask()
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_suites_of_one_name_are_not_mixed(write_suite: Writer, tmp_path: Path) -> None:
    first = write_suite(("a",))
    first.rename(tmp_path / "elsewhere")
    second = write_suite(("a",), extra="species: other")
    with pytest.raises(RequestError, match="two different tasks are called mine/a"):
        registry.find_tasks([tmp_path / "elsewhere", second])


def test_a_class_in_a_file_is_a_model_with_typed_options(file: Path) -> None:
    found = registry.find_model(f"{file}:Plain", {"k": "7", "loud": "true"})
    assert found.info.options["k"] == 7
    assert found.info.options["loud"] is True
    assert found.embed(["ACG"]) == [[3]]  # type: ignore[attr-defined]


def test_the_bytes_of_a_file_are_part_of_its_models_identity(file: Path) -> None:
    before = registry.find_model(f"{file}:Plain").info.options["source"]
    file.write_text(MODEL + "\n# changed\n", encoding="utf-8")
    assert registry.find_model(f"{file}:Plain").info.options["source"] != before


def test_a_model_may_have_a_name_of_yours(file: Path) -> None:
    one = registry.find_model("kmer", {}, "baseline")
    assert (one.info.name, one.info.adapter) == ("baseline", "kmer")
    assert copy.deepcopy(one).info == one.info


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("Lazy", "declares 'module' but has no method `collate`"),
        ("Nameless", "has no `info`"),
        ("Wrong", "`capabilities` is frozenset"),
    ],
)
def test_a_class_that_is_no_adapter_is_told_what_it_lacks(file: Path, name: str, lacks: str) -> None:
    with pytest.raises(AdapterError) as caught:
        registry.find_model(f"{file}:{name}")
    assert lacks in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "args", "hint"),
    [
        ("Plane", {}, "has no class 'Plane'. Did you mean 'Plain'?"),
        ("Plain", {"q": "1"}, "it takes k, loud"),
        ("Plain", {"k": "many"}, "invalid literal"),
    ],
)
def test_a_wrong_class_or_option_of_a_file_is_a_sentence(
    file: Path, spec: str, args: dict[str, str], hint: str
) -> None:
    with pytest.raises(RequestError) as caught:
        registry.find_model(f"{file}:{spec}", args)
    assert hint in str(caught.value)


def test_a_file_that_cannot_be_imported_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("import no_such_package\n", encoding="utf-8")
    with pytest.raises(RequestError, match=r"bad\.py cannot be imported \(ModuleNotFoundError"):
        registry.find_model(f"{path}:Model")


def test_a_class_that_fails_to_start_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text(
        "class Broken:\n    def __init__(self):\n        raise OSError('no weights here')\n", encoding="utf-8"
    )
    with pytest.raises(AdapterError, match=r"cannot be made \(OSError: no weights here\)"):
        registry.find_model(f"{path}:Broken")
    with pytest.raises(RequestError, match=r"name its class, file\.py:Class\. It has: Broken"):
        registry.find_model(str(path))


def test_a_name_of_ours_stays_ours_whatever_another_package_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    claims = [
        SimpleNamespace(name="kmer", value=f"{package}:Kmer") for package in ("aaa.kmer", "dnabench.kmer", "z.kmer")
    ]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: claims)
    assert registry._points.__wrapped__("any") == {"kmer": "dnabench.kmer:Kmer"}
    assert capsys.readouterr().err.count("dnabench.kmer:Kmer is used") == 2
