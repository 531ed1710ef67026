"""The page in a real browser: it opens from the disk, asks nobody for anything, and runs nothing but its own script."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from leaderboard_tree import write_cell, write_record

from dnabench.harness.report.leaderboard.page import json_in_html
from dnabench.harness.report.leaderboard.write import build, write

EVIL = "<script>alert(1)</script>"
BREAK = "</script><img src=x onerror=alert(2)>"
TASKS = ("toy/a", "toy/b")
BROWSERS = ("chromium", "chromium-browser")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A written leaderboard with hostile names, a hole, a collapsed seed, a baseline and published scores."""
    root = tmp_path_factory.mktemp("page")
    for task in TASKS:
        write_cell(root, task, "strong", 1.5, seeds=(0, 1, 2), collapsed=(2,) if task == "toy/b" else ())
        write_cell(root, task, EVIL, 1.0)
        write_cell(root, task, "weak", 0.1, weights="random", protocol="fit")
    write_cell(root, "toy/a", BREAK, 0.5)
    write_record(root, "toy/b", BREAK, "failed", parts={"error": f"{EVIL} & more"})
    (root / "published").mkdir()
    (root / "published" / "toy.csv").write_text(
        "task,model,protocol,metric,value,source\n"
        f'toy/a,"{EVIL}",probe,mcc,0.9,"{BREAK}"\n'
        'toy/b,Paper,probe,mcc,0.1,"javascript:alert(3)"\n',
        encoding="utf-8",
    )
    write(root / "out", build(root)[1])
    return root / "out"


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """Headless chromium with its log of everything that went wrong."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install '.[test]'")
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    service = shutil.which("chromedriver")
    if browser is None or service is None:
        pytest.skip("chromium and chromium-driver are not installed")
    options = selenium.ChromeOptions()
    options.binary_location = browser
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1280,900",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = selenium.Chrome(options=options, service=selenium.ChromeService(service))
    yield made
    made.quit()


@pytest.fixture
def page(driver: Any, folder: Path) -> Any:
    """The page just opened, wide and light, at its first table."""
    width = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", width)
    driver.get("about:blank")
    driver.get((folder / "index.html").as_uri())
    return driver


def names(page: Any) -> list[str]:
    """First words of the rows that are seen in the main table."""
    script = """
      const grid = document.querySelector("main > .page:not([hidden]) [data-main] tbody");
      return [...grid.rows].filter((row) => !row.hidden).map((row) => row.cells[0].firstChild.textContent);
    """
    found: list[str] = page.execute_script(script)
    return found


def press(page: Any, selector: str) -> None:
    page.execute_script("document.querySelector(arguments[0]).click()", f"main > .page:not([hidden]) {selector}")


def go(page: Any, link: str) -> None:
    """Follow a link of the page and wait until it is shown."""
    page.execute_script("location.hash = arguments[0]; dispatchEvent(new HashChangeEvent('hashchange'))", link)


def title(page: Any) -> str:
    found: str = page.execute_script("return document.querySelector('main > .page:not([hidden]) h1').textContent")
    return found


def test_it_asks_nobody_for_anything_and_complains_of_nothing(page: Any, folder: Path) -> None:
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = {e["params"]["request"]["url"].split("#")[0] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert asked <= {(folder / "index.html").as_uri(), "about:blank"}
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_hostile_names_are_shown_as_they_are_and_run_nothing(page: Any) -> None:
    from selenium.common.exceptions import NoAlertPresentException

    with pytest.raises(NoAlertPresentException):
        _ = page.switch_to.alert.text
    assert EVIL in names(page)
    assert BREAK in names(page)
    assert page.execute_script("return document.querySelectorAll('img').length") == 0
    scripts = "return [...document.scripts].map((s) => s.type)"
    assert page.execute_script(scripts) == ["application/json", ""]


def test_the_policy_stops_a_script_even_if_it_gets_in(page: Any) -> None:
    page.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.broken = 1'; document.body.append(s)"
    )
    assert page.execute_script("return window.broken") is None


def test_no_link_leaves_the_page(page: Any) -> None:
    links = page.execute_script("return [...document.links].map((a) => a.getAttribute('href'))")
    assert links
    assert all(link.startswith("#") for link in links)


def test_every_link_leads_to_a_page_that_is_there(page: Any) -> None:
    links = page.execute_script("return [...new Set([...document.links].map((a) => a.getAttribute('href')))]")
    for link in links:
        go(page, link)
        assert title(page) != "No such page", link


def test_the_data_inside_the_page_are_those_of_the_json_file(page: Any, folder: Path) -> None:
    inside = page.execute_script("return JSON.parse(document.getElementById('data').textContent)")
    assert inside == json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", ["</script>", "<!--", "\u2028", "&lt;", '"', "\\"])
def test_json_in_html_says_the_same_without_what_html_reads(text: str) -> None:
    found = json_in_html({"a": text})
    assert not set("<>&\u2028\u2029") & set(found)
    assert json.loads(found) == {"a": text}


def test_a_press_on_a_head_sorts_turns_and_gives_the_order_back(page: Any) -> None:
    before = names(page)
    press(page, "th[data-key='toy/a'] button")
    down = names(page)
    press(page, "th[data-key='toy/a'] button")
    up = names(page)
    assert down[:2] == [EVIL, "strong"], "the published 0.9 is first"
    assert up[0] == "weak"
    assert up[-1] == down[-1] == "Paper", "what has no score stands last in both directions"
    press(page, "th[data-key='toy/a'] button")
    assert names(page) == before


def test_the_sorted_column_is_said_to_screen_readers(page: Any) -> None:
    press(page, "th[data-key='toy/a'] button")
    heads = "[...document.querySelectorAll('.page:not([hidden]) [aria-sort]')]"
    assert page.execute_script(f"return {heads}.map((h) => [h.dataset.key, h.ariaSort])") == [["toy/a", "descending"]]


def test_the_filter_keeps_what_holds_all_words_and_says_how_many(page: Any) -> None:
    from selenium.webdriver.common.by import By

    page.find_element(By.CSS_SELECTOR, ".page:not([hidden]) .words").send_keys("stro probe")
    assert names(page) == ["strong"]
    assert page.execute_script("return document.getElementById('said').textContent").startswith("1 of ")


def test_baselines_published_scores_and_columns_can_be_hidden(page: Any) -> None:
    press(page, "[value=baseline]")
    press(page, "[value=published]")
    press(page, "[value=facts]")
    assert "weak" not in names(page)
    assert "Paper" not in names(page)
    shown = (
        "return [...document.querySelectorAll('.page:not([hidden]) thead th:not([hidden])')].map((h) => h.dataset.key)"
    )
    assert "parameters" not in page.execute_script(shown)
    assert "toy/a" in page.execute_script(shown)


def test_a_link_brings_back_table_order_and_filter(page: Any, folder: Path) -> None:
    press(page, "th[data-key='toy/a'] button")
    press(page, "[value=published]")
    link = page.current_url
    found = names(page)
    page.get("about:blank")
    page.get(link)
    assert names(page) == found
    page.get("about:blank")
    page.get((folder / "index.html").as_uri() + "#board/toy/fit")
    assert names(page) == ["weak"]


@pytest.mark.parametrize("route", ["#task/toy/a", "#model/strong", "#model/%3Cscript%3Ealert(1)%3C/script%3E"])
def test_tasks_and_models_have_pages_of_their_own(page: Any, folder: Path, route: str) -> None:
    page.get("about:blank")
    page.get((folder / "index.html").as_uri() + route)
    assert title(page) in ("toy/a", "strong", EVIL)


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("route", ["#board/toy/fit", "#task/toy/a", "#model/strong"])
def test_a_direct_link_shows_the_header_whole(page: Any, folder: Path, route: str, width: int) -> None:
    size = {"width": width, "height": 500, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.get("about:blank")
    page.get((folder / "index.html").as_uri() + route)
    where = "const top = document.querySelector('.top').getBoundingClientRect().top; return [innerWidth, scrollY, top]"
    assert page.execute_script(where) == [width, 0, 0]


def test_without_scripts_a_link_goes_to_its_own_part_of_the_page(page: Any, folder: Path) -> None:
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.get("about:blank")
        page.get((folder / "index.html").as_uri() + "#task/toy/a")
        top = page.execute_script("return document.getElementById('task/toy/a').getBoundingClientRect().top")
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert top == pytest.approx(0, abs=30)


def test_a_link_to_nothing_says_so(page: Any) -> None:
    for link in ("#task/toy/none", "#%", "#constructor", "#lost"):
        go(page, link)
        assert title(page) == "No such page"


def test_a_collapsed_seed_and_a_hole_are_said_on_the_page(page: Any) -> None:
    text = page.execute_script("return document.querySelector('.page:not([hidden])').textContent")
    assert "collapsed, the same answer for every row: seed 2" in text
    assert f"failed: {EVIL} & more" in text


@pytest.mark.parametrize("route", ["", "#task/toy/a", "#model/strong"])
def test_a_phone_scrolls_tables_and_never_the_page(page: Any, route: str) -> None:
    phone = {"width": 375, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    go(page, route or "#board/toy/all")
    assert page.execute_script("return document.documentElement.scrollWidth") == 375


def test_the_theme_follows_the_system_until_it_is_chosen(page: Any) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = page.execute_script(paper)
    dark_media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", dark_media)
    dark = page.execute_script(paper)
    page.execute_script("document.getElementById('theme').click()")
    chosen = page.execute_script(paper)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    page.execute_script("try { localStorage.clear() } catch (problem) {}")
    assert light != dark
    assert light == chosen


def test_the_keyboard_reaches_every_control_and_sees_where_it_is(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    reached = []
    for _ in range(24):
        page.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(
            page.execute_script(
                "const e = document.activeElement; return [e.tagName, e.className, getComputedStyle(e).outlineStyle]"
            )
        )
    assert reached[0][:2] == ["A", "skip"]
    assert {tag for tag, _, _ in reached} >= {"A", "BUTTON", "INPUT"}
    assert any(tag == "DIV" and name == "scroll" for tag, name, _ in reached), "a table is scrolled by keys"
    assert all(outline != "none" for tag, _, outline in reached if tag != "BODY")


def test_enter_on_a_head_sorts(page: Any) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    page.find_element(By.CSS_SELECTOR, ".page:not([hidden]) th[data-key=model] button").send_keys(Keys.ENTER)
    assert names(page) == sorted(names(page), key=str.casefold)


def test_tables_have_captions_scopes_and_pictures_have_titles(page: Any) -> None:
    bad = """
      const tables = [...document.querySelectorAll("table")];
      const heads = [...document.querySelectorAll("th")].filter((h) => !["row", "col"].includes(h.scope));
      const pictures = [...document.querySelectorAll("svg")].filter((s) => !s.querySelector(":scope > title"));
      const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
      return [tables.filter((t) => !t.caption).length, heads.length, pictures.length, ids.length - new Set(ids).size];
    """
    assert page.execute_script(bad) == [0, 0, 0, 0]


def test_without_scripts_everything_can_still_be_read(folder: Path) -> None:
    text = (folder / "index.html").read_text(encoding="utf-8").partition("<script")[0]
    views, tasks, models = 3, 2, 4
    assert text.count('<section class="page"') == views + tasks + models
    assert [line for line in text.splitlines() if "<section" in line and "hidden" in line] == [
        '<section id="lost" class="page" hidden>'
    ]


def test_paper_is_white_though_the_page_is_dark(page: Any) -> None:
    page.execute_script("document.documentElement.dataset.theme = 'dark'")
    colours = "const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]"
    assert page.execute_script(colours)[1] != "rgb(255, 255, 255)"
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert page.execute_script(colours) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_names_of_which_some_are_numbers_have_one_order(page: Any) -> None:
    script = """
      const rows = [...document.querySelectorAll("main > .page:not([hidden]) [data-main] tbody tr")];
      ["9", "10", "1a", "1e5", ""].forEach((name, i) => { if (rows[i]) rows[i].cells[0].dataset.sort = name; });
      sort(rows[0].closest("table"), "model", 1);
      return [...rows[0].parentNode.rows].map((row) => row.cells[0].dataset.sort);
    """
    found = page.execute_script(script)
    assert [name for name in found if name in ("9", "10", "1a", "1e5")] == ["1a", "1e5", "9", "10"]
