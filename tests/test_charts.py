"""Charts are well-formed, escaped, self-contained SVG that says in words what it draws."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnabench.harness.report import charts, svg
from dnabench.harness.report.charts import Bar, Cell, Point

EVIL = "<script>alert(1)</script>\"'&]]>\x00\x1b"
NAMESPACE = "{http://www.w3.org/2000/svg}"
numbers = st.none() | st.floats(-1e6, 1e6)


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def texts(text: str) -> str:
    return " ".join(part for part in parsed(text).itertext() if part)


def drawn() -> dict[str, str]:
    """Every chart with a hostile label."""
    rows = [Bar(EVIL, 0.5, 0.4, 0.6, mark) for mark in charts.MARKS]
    return {
        "forest": charts.forest(rows, EVIL, EVIL),
        "bars": charts.bars(rows, EVIL, EVIL),
        "heat": charts.heat([EVIL], [[Cell(EVIL, 0.5, EVIL)]], title=EVIL),
        "scatter": charts.scatter([Point(EVIL, 1.0, 0.5, 0.4, 0.6)], EVIL, EVIL, True, EVIL),
        "histogram": charts.histogram([0, 1, 2], {EVIL: [1, 2]}, EVIL, EVIL),
    }


@pytest.mark.parametrize("name", drawn())
def test_a_hostile_label_stays_text(name: str) -> None:
    text = drawn()[name]
    tags = {element.tag.removeprefix(NAMESPACE) for element in parsed(text).iter()}
    assert tags <= {"svg", "g", "title", "desc", "text", "line", "rect", "circle", "path"}
    assert "<script" not in text
    assert "alert(1)" in texts(text)


@pytest.mark.parametrize("name", drawn())
def test_a_chart_fetches_nothing_and_follows_the_page_in_its_colours(name: str) -> None:
    text = drawn()[name]
    assert re.findall(r"https?://[^\"']+", text) == ["http://www.w3.org/2000/svg"]
    assert "var(--chart-" in text
    assert not re.search(r"url\(|href|xlink|style=\"[^\"]*#(?![0-9a-f]{6}\))", text)


@pytest.mark.parametrize("name", drawn())
def test_a_chart_tells_screen_readers_what_it_shows(name: str) -> None:
    picture = parsed(drawn()[name])
    assert picture.get("role") == "img"
    assert picture[0].tag == f"{NAMESPACE}title"
    assert picture[0].text


def test_a_forest_plot_puts_values_where_the_axis_says() -> None:
    picture = parsed(charts.forest([Bar("a", 0.0), Bar("b", 0.5), Bar("c", 1.0)]))
    x = [float(c.get("cx", "nan")) for c in picture.iter(f"{NAMESPACE}circle")]
    assert x[1] == pytest.approx((x[0] + x[2]) / 2, abs=0.1)
    assert x[2] - x[0] == pytest.approx(charts.PLOT, abs=0.1)


def test_a_hole_is_said_and_not_drawn() -> None:
    text = charts.forest([Bar("there", 0.5, 0.4, 0.6), Bar("hole", None)])
    assert len(list(parsed(text).iter(f"{NAMESPACE}circle"))) == 1
    assert "hole: —" in texts(text)


def test_an_interval_is_drawn_only_with_both_ends() -> None:
    one = charts.forest([Bar("a", 0.5, 0.4, None)])
    both = charts.forest([Bar("a", 0.5, 0.4, 0.6)])
    assert both.count("<line") == one.count("<line") + 1 or "0.400" in both
    assert "[" not in texts(one)


@pytest.mark.parametrize("mark", [m for m in charts.MARKS if m])
def test_marks_that_occur_are_explained(mark: charts.Mark) -> None:
    assert charts.MARKS[mark] in texts(charts.forest([Bar("a", 0.5, mark=mark)]))


def test_the_colours_of_a_heat_map_have_a_sign_and_a_strength() -> None:
    text = charts.heat(["a", "b"], [[Cell(""), Cell("+0.1", 1.0)], [Cell("-0.1", -0.5), Cell("")]])
    rects = [str(r.get("style")) for r in parsed(text).iter(f"{NAMESPACE}rect")]
    opacity = [float(re.search(r"opacity:([\d.]+)", style)[1]) for style in rects]  # type: ignore[index]
    assert opacity[0] == opacity[3] == 0
    assert opacity[1] == pytest.approx(2 * opacity[2])
    assert ("--chart-better" in rects[1], "--chart-worse" in rects[2]) == (True, True)


def test_a_logarithmic_axis_gives_each_decade_the_same_room() -> None:
    scale = svg.axis([1.0, 1000.0], 0.0, 300.0, log=True)
    assert [scale.at(x) for x in (1, 10, 100, 1000)] == pytest.approx([0, 100, 200, 300])


def test_points_that_cannot_stand_on_a_logarithmic_axis_are_only_said() -> None:
    text = charts.scatter([Point("zero", 0.0, 0.5), Point("one", 1.0, 0.5), Point("none", None, 0.5)], "s", "y", True)
    assert len(list(parsed(text).iter(f"{NAMESPACE}circle"))) == 1
    assert "zero: 0.000" in texts(text)


def test_names_of_points_do_not_cover_each_other() -> None:
    text = charts.scatter([Point(f"model {i}", 1.0 + i / 100, 0.5) for i in range(5)], "s", "y")
    names = [t for t in parsed(text).iter(f"{NAMESPACE}text") if (t.text or "").startswith("model")]
    places = {(t.get("x"), t.get("y")) for t in names}
    assert len(places) == 5


@given(st.lists(st.tuples(numbers, numbers, numbers), max_size=6))
@settings(max_examples=50)
def test_any_numbers_give_a_picture_inside_its_frame(rows: list[tuple[float | None, ...]]) -> None:
    made = [Bar(f"row {i}", *row) for i, row in enumerate(rows)]
    for text in (charts.forest(made), charts.bars(made)):
        picture = parsed(text)
        width = float(picture.get("width", "0"))
        for circle in picture.iter(f"{NAMESPACE}circle"):
            assert 0 <= float(circle.get("cx", "-1")) <= width


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
@settings(max_examples=100)
def test_an_axis_holds_its_values_between_round_ends(low: float, span: float) -> None:
    scale = svg.axis([low, low + span], 0, 100)
    slack = 1e-6 * max(1.0, abs(low) + span)
    assert scale.low <= low + slack
    assert scale.high >= low + span - slack
    assert 2 <= len(scale.ticks) <= 12
    assert all(math.isfinite(tick) for tick in scale.ticks)


def test_nothing_to_draw_is_no_error() -> None:
    for text in (charts.forest([]), charts.bars([]), charts.heat([], []), charts.scatter([], "x", "y", True)):
        assert parsed(text).tag == f"{NAMESPACE}svg"


def test_a_series_needs_one_count_less_than_edges() -> None:
    with pytest.raises(ValueError):
        charts.histogram([0, 1, 2], {"train": [1, 2, 3]})


def test_equal_input_gives_equal_bytes() -> None:
    assert drawn() == drawn()


def test_long_names_that_differ_in_their_middle_stay_apart() -> None:
    labels = [f"InstaDeepAI/nucleotide-transformer-v2-{size}m-multi-species" for size in (50, 100, 250, 500)]
    pictures = (
        charts.forest([Bar(label, 0.5) for label in labels]),
        charts.scatter([Point(label, 1.0 + i, 0.1 * i) for i, label in enumerate(labels)], "s", "y"),
        charts.heat(labels, [[Cell("") for _ in labels] for _ in labels]),
    )
    for text in pictures:
        shown = [t.text for t in parsed(text).iter(f"{NAMESPACE}text") if (t.text or "").startswith("Insta")]
        assert len(set(shown)) == len(labels)
        assert len(shown) in (len(labels), 2 * len(labels))


def test_names_of_a_scatter_stay_off_the_axes_and_those_without_room_are_counted() -> None:
    few = charts.scatter([Point(f"at the bottom {i}", 1.0, 0.0) for i in range(3)] + [Point("top", 9.0, 1.0)], "s", "y")
    levels = [float(t.get("y", "")) for t in parsed(few).iter(f"{NAMESPACE}text") if "bottom" in (t.text or "")]
    assert len(levels) == 3
    assert max(levels) <= 330 - 7
    many = charts.scatter([Point(f"model number {i}", 1.0, i / 40) for i in range(200)], "s", "y")
    texts = [t.text or "" for t in parsed(many).iter(f"{NAMESPACE}text")]
    shown = sum(text.startswith("model number") for text in texts)
    assert shown < 200
    assert f"{200 - shown} names without room: point at a dot" in texts
