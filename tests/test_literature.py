"""Published scores stand beside ours: where from, what matches, and never compared where nobody knows what they are."""

import csv
import io
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from dnabench.harness.cli import run_words
from dnabench.harness.errors import RecordError, RequestError
from dnabench.harness.registry import load_suite
from dnabench.harness.report.literature import Beside, literature, literature_table, match_words
from dnabench.harness.report.published import NOT_COMPARABLE, PublishedScore, gathered, packaged, read_published
from dnabench.harness.types import RunRecord, Score

ROOT = Path(__file__).resolve().parents[1]
PAPER = PublishedScore("toy/a", "Net", "finetune", "mcc", 0.55, None, "", "", "", "a paper", "org/net", 100)
OURS = RunRecord(
    status="ok",
    key={},
    model={"name": "org/net@abc", "id": "1234567"},
    task={"name": "toy/a", "metric": "mcc", "rows": {"test": 100}, "splits": {"test": {"rows": 100}}},
    protocol={"name": "probe", "recipe": "default", "id": "c"},
    scores={"mcc": Score("mcc", 0.5, 0.4, 0.6)},
)


@pytest.mark.parametrize("path", sorted((ROOT / "results/published").glob("*.csv")), ids=lambda path: path.stem)
def test_every_file_names_weights_and_test_rows_in_columns_of_their_own(path: Path) -> None:
    sizes = {
        task.name: task.source.files["test"].rows for task in load_suite(path.stem).tasks if "test" in task.source.files
    }
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {"hub_id", "test_rows"} <= rows[0].keys()
    for row in rows:
        assert not row["hub_id"] or re.fullmatch(r"[\w.-]+/[\w.-]+", row["hub_id"])
        assert not ("[scratch]" in row["model"] and row["hub_id"])
        if row["test_rows"] and not any(word in row["note"] for word in ("test rows", *NOT_COMPARABLE)):
            assert int(row["test_rows"]) == sizes[row["task"]], row
        assert not (row["test_rows"] and "other rows" in row["note"])


def test_the_same_model_gets_a_difference_and_a_word_on_each_condition() -> None:
    (one,) = literature([OURS], [PAPER], every=False)
    assert one.difference == pytest.approx(-0.05)
    assert one.inside
    assert match_words(one) == "same metric, test rows; other protocol (probe here)"
    row = literature_table([one]).rows[0]
    assert row[5:7] == ("0.500 [0.400, 0.600]", "≈ -0.050")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"test_rows": 90}, "same metric; other test rows (90), protocol (probe here)"),
        ({"test_rows": None}, "same metric; other protocol (probe here); test rows not stated"),
        ({"metric": "accuracy"}, "same test rows; other metric, protocol (probe here)"),
        ({"protocol": "probe"}, "same metric, test rows, kind of protocol"),
        ({"note": "other rows: drawn anew"}, "same metric; other test rows, protocol (probe here)"),
    ],
)
def test_what_differs_is_named(changes: dict[str, object], words: str) -> None:
    assert match_words(Beside(replace(PAPER, **changes), OURS, 100)) == words  # type: ignore[arg-type]


@pytest.mark.parametrize("note", ["SECONDARY: somebody", "AMBIGUOUS: which F1", "copied; not a target"])
def test_what_nobody_can_compare_is_in_the_data_only_and_marked(note: str) -> None:
    doubtful = replace(PAPER, note=note)
    assert not literature([OURS], [doubtful], every=False)
    found = literature([OURS], [PAPER, doubtful], every=True)
    table = literature_table(found)
    assert len(table.rows) == 1
    assert [line["comparable"] for line in table.data] == [True, False]
    assert table.data[1]["difference"] is None
    assert not replace(PAPER, source=note).comparable


def test_by_default_each_task_shows_its_highest_comparable_score() -> None:
    others = [replace(PAPER, model=f"m{v}", value=v, hub_id="") for v in (0.3, 0.9, 0.6)]
    doubtful = replace(others[0], value=0.99, note="SECONDARY")
    found = literature([OURS], [*others, doubtful], every=False)
    assert [one.score.model for one in found] == ["m0.9"]


def test_a_task_without_a_record_brings_no_published_rows() -> None:
    assert not literature([replace(OURS, status="unavailable", scores={})], [PAPER], every=True)


@pytest.mark.parametrize("value", ["nan", "inf", "0,5", "high"])
def test_a_value_that_is_no_number_names_its_line(tmp_path: Path, value: str) -> None:
    (tmp_path / "x.csv").write_text(f'task,model,protocol,metric,value,source\nt,m,probe,mcc,"{value}",s\n')
    with pytest.raises(RecordError, match=r"x\.csv:2"):
        read_published(tmp_path)


def test_a_line_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("task,model,protocol,metric,value,source\nt,m,probe\n")
    assert read_published(tmp_path)[0].value is None


def test_a_figure_in_two_places_counts_once_and_a_named_folder_stands_alone(tmp_path: Path) -> None:
    results = ROOT / "results"
    assert len(gathered(results)) == len(gathered(None))
    (tmp_path / "x.csv").write_text("task,model,protocol,metric,value,source\nt,m,probe,mcc,0.5,s\n")
    assert [score.task for score in gathered(results, tmp_path)] == ["t"]
    with pytest.raises(RequestError, match="no folder"):
        gathered(None, tmp_path / "nothing")


def test_every_packaged_figure_is_a_fraction_with_a_source() -> None:
    folder = packaged()
    assert folder is not None
    scores = read_published(folder)
    assert len(scores) > 800
    for score in scores:
        assert score.source
        assert score.value is None or -1 <= score.value <= 1, score


def test_the_report_prints_published_rows_in_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["report", str(ROOT / "results"), "-t", "mouse_0", "-m", "gc", "--no-marks"]
    lengths = []
    for more in (["--no-published"], [], ["--published"]):
        assert run_words([*words, *more, "--format", "csv"]) == 0
        lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        lengths.append(sum(line["status"] == "published" for line in lines))
    assert lengths[:2] == [0, 1]
    assert lengths[2] > 20
    assert run_words([*words, "--format", "md"]) == 0
    assert "**Published scores**" in capsys.readouterr().out


@pytest.mark.slow
def test_a_wheel_holds_the_published_scores(tmp_path: Path) -> None:
    skipped = shutil.ignore_patterns(".git", "runs", "build", "tests", "__pycache__", "*.egg-info")
    source = shutil.copytree(ROOT, tmp_path / "source", ignore=skipped, symlinks=True)
    words = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        str(source),
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
    ]
    subprocess.run([*words, "-q"], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = "from dnabench.harness.report.published import gathered, packaged; print(packaged(), len(gathered(None)))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = [{str(site)!r}]; {code}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    folder, count = done.stdout.split()
    assert Path(folder) == site / "dnabench" / "published"
    assert int(count) > 800
