"""MLflow's UI and the report of a finished search, in headless Chromium."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest

from analysis import paper, report
from search.tracking import store, views
from search.tracking.paper_runs import row_name
from tests.analysis.folders import write_searches
from tests.mlflow_server import MlflowServer
from tests.processes import TRIALS, Searched

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
FLAGS = """--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --window-size=1500,1000"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    webdriver = pytest.importorskip("selenium.webdriver")
    if not CHROMIUM or not DRIVER:
        pytest.skip("needs chromium and chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS.split():
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def ui(searched: Searched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of MLflow's UI over the search's store."""
    server = MlflowServer(tmp_path_factory.mktemp("ui"), searched.store)
    server.start()
    try:
        server.wait()
        yield server.uri
    finally:
        server.kill()


@pytest.fixture(scope="module")
def page(searched: Searched, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the search."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert report.main([str(searched.results), "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of 8 searches with 50 trials each, of drawn numbers."""
    results = write_searches(tmp_path_factory.mktemp("large"), regimes=8, trials=50)
    return report.report(results)


def resize(browser: Any, width: int, height: int) -> None:
    """Give the page this size, in CSS pixels."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


UNFOLD = "document.querySelectorAll('details').forEach(one => one.open = true);"


def text_of(browser: Any, address: str, until: str, seconds: float = 60) -> str:
    """The text of a page once it contains `until`, or after so many seconds."""
    browser.get(address)
    deadline = time.monotonic() + seconds
    while True:
        shown: str = browser.execute_script("return document.body.innerText")
        if until in shown or time.monotonic() > deadline:
            return shown
        time.sleep(0.5)


@pytest.mark.soak
def test_the_ui_lists_the_search_its_trials_and_the_papers_rows(
    searched: Searched, browser: Any, ui: str
) -> None:
    client = mlflow.MlflowClient(tracking_uri=searched.store)
    ours, theirs = (
        client.get_experiment_by_name(name).experiment_id
        for name in (store.EXPERIMENT, store.PAPER_EXPERIMENT)
    )
    both = f"{ui}/#/compare-experiments/s?experiments=%5B%22{ours}%22%2C%22{theirs}%22%5D"
    text = text_of(browser, both, until="paper · supcon")
    assert "tiny" in text
    assert all(row_name(row) in text for row in paper.TABLE_7)
    (parent,) = client.search_runs(
        [ours], "tags.`regimen.kind` = 'search' and tags.`regimen.search` = 'tiny'"
    )
    children = client.search_runs([ours], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    children = [run for run in children if run.data.tags["regimen.kind"] == "trial"]
    assert len(children) == TRIALS
    child = max(children, key=lambda run: run.data.metrics.get("score", 0))
    address = f"{ui}/#/experiments/{ours}/runs/{child.info.run_id}"
    text = text_of(browser, address, until="validation_accuracy")
    assert child.info.run_name in text and "learning_rate" in text
    text = text_of(browser, f"{address}/system-metrics", until="process_memory")
    assert "process_cpu_utilization_percentage" in text
    assert "process_memory_usage_megabytes" in text
    address = f"{ui}/#/experiments/{ours}/runs/{parent.info.run_id}/artifacts"
    text = text_of(browser, address, until="report.html")
    assert "recipe" in text and "report.html" in text


def test_the_printed_address_opens_a_leaderboard(searched: Searched, browser: Any, ui: str) -> None:
    """Trials and floors are sorted by their score, below the next command. How they ended, their
    length and rate are seen in a window of 1,400 pixels, beside MLflow's menu and its assistant."""
    (address,) = [line.strip() for line in searched.out.splitlines() if "/#/experiments/" in line]
    page = address.partition("/#/")[2]
    resize(browser, 1400, 900)
    shown = text_of(browser, f"{ui}/#/{page}", until="floor tfidf")
    assert "llrd_warmup 000" in shown and "PRUNED" in shown and "report seed" not in shown
    assert "Next after the last search: python -m search.export" in shown
    right = browser.execute_script(
        "return document.querySelector('.ag-center-cols-viewport').getBoundingClientRect().right"
    )
    columns = browser.execute_script(
        "return [...document.querySelectorAll('.ag-header-cell')]"
        ".map(cell => [cell.getAttribute('col-id'), cell.getBoundingClientRect().right])"
    )
    seen = {name for name, end in columns if end <= right + 1}
    assert seen >= {views.STATE, views.EPOCHS, views.LEARNING_RATE}
    cells = browser.execute_script(
        "return [...document.querySelectorAll(`[role=gridcell][col-id*=best_validation]`)]"
        ".map(cell => [+cell.parentElement.getAttribute('row-index'), parseFloat(cell.innerText)])"
    )
    scores = [score for _, score in sorted(cells)]
    assert len(scores) > TRIALS and scores == sorted(scores, reverse=True)


def test_the_report_draws_its_figures_and_loads_nothing(page: Path, browser: Any) -> None:
    """On a narrow and a wide screen, with readable letters and no scrolling sideways."""
    browser.get_log("browser")  # discard messages of earlier pages
    evaluate = browser.execute_script
    for width in (400, 1400):
        resize(browser, width, 1000)
        browser.get(page.as_uri())
        evaluate(UNFOLD)
        widths = evaluate(
            "return [...document.querySelectorAll('svg')].map(s => s.getBoundingClientRect().width)"
        )
        assert len(widths) >= 10 and min(widths) > 300
        assert evaluate("return document.documentElement.scrollWidth <= innerWidth")
        paths = evaluate(
            "return [...document.querySelectorAll('figure')]"
            ".map(f => f.querySelectorAll('svg path').length)"
        )
        assert min(paths) > 3
        letters = evaluate(
            "return [...document.querySelectorAll('svg text')]"
            ".map(t => t.getBoundingClientRect().height)"
        )
        assert min(letters) > 6
    assert evaluate("return performance.getEntriesByType('resource').length") == 0
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_a_table_of_the_report_is_sorted_by_a_click(page: Path, browser: Any) -> None:
    browser.get(page.as_uri())
    browser.execute_script(UNFOLD)
    tables = browser.find_elements("tag name", "table")
    table = next(table for table in tables if table.text.startswith("The best trials"))
    names = [head.text.split()[0] for head in table.find_elements("tag name", "th")]

    def column(name: str) -> list[float]:
        rows = table.find_elements("css selector", "tbody tr")
        return [float(row.find_elements("tag name", "td")[names.index(name)].text) for row in rows]

    before = column("trial")
    button = table.find_elements("css selector", "th button")[names.index("trial")]
    button.click()
    assert column("trial") == sorted(before, reverse=True) != sorted(before)
    button.click()
    assert column("trial") == sorted(before)
    heads = table.find_elements("tag name", "th")
    orders = [head.get_attribute("aria-sort") for head in heads[: len(names)]]
    assert orders.count("ascending") == 1


def test_the_first_screen_of_a_large_report_is_complete_and_the_page_short(
    large: Path, browser: Any
) -> None:
    assert large.stat().st_size < 3_000_000
    evaluate = browser.execute_script
    resize(browser, 1400, 900)
    browser.get(large.as_uri())
    assert evaluate("return document.querySelector('.answer').getBoundingClientRect().bottom") < 900
    shown = evaluate("return document.querySelector('.answer').innerText")
    for part in (" with trial ", "the runner-up, on ", "search.train best.yaml", "Versions"):
        assert part in shown
    assert evaluate(
        "return [...document.querySelectorAll('.answer pre')]"
        ".every(one => one.scrollHeight <= one.clientHeight + 1)"
    )
    assert evaluate("return document.documentElement.scrollHeight") < 5000
    evaluate("scrollTo(0, 3000)")
    assert 0 <= evaluate("return document.querySelector('nav').getBoundingClientRect().top") < 50


def test_nothing_of_a_large_report_overflows_a_narrow_screen(large: Path, browser: Any) -> None:
    """Unfolded too; wide tables scroll in their own boxes."""
    resize(browser, 400, 900)
    browser.get(large.as_uri())
    for unfold in ("", UNFOLD):
        width = browser.execute_script(f"{unfold} return document.documentElement.scrollWidth")
        assert width <= 400
    columns = browser.execute_script(
        "const pairs = [...document.querySelectorAll('table')]"
        ".find(one => one.caption.textContent.startsWith('The most frequent confusions'));"
        "return [...pairs.rows[1].cells].slice(0, 3).map(one => one.getBoundingClientRect().right)"
    )
    assert max(columns) <= 400  # the labels and their count are read without scrolling


def test_rows_are_filtered_and_copied_and_figures_carry_their_numbers(
    large: Path, browser: Any
) -> None:
    resize(browser, 1400, 900)
    browser.get(large.as_uri())
    evaluate = browser.execute_script
    evaluate(UNFOLD)
    table = evaluate(
        "return [...document.querySelectorAll('.table')]"
        ".find(one => one.textContent.includes('confident learning'))"
    )
    table.find_element("css selector", "input").send_keys("muted 7 / 83")
    rows = table.find_elements("css selector", "tbody tr")
    assert [row.is_displayed() for row in rows].count(True) == 1
    text = evaluate("return textOf(arguments[0].querySelector('table'))", table)
    assert text.splitlines()[0].split("\t")[0].startswith("text")
    button = table.find_element("css selector", ".copy-table")
    button.click()
    deadline = time.monotonic() + 10
    while button.text != "copied" and time.monotonic() < deadline:
        time.sleep(0.02)
    links = browser.find_elements("css selector", "figcaption a[download]")
    figures = browser.find_elements("css selector", "figure")
    assert len(links) == len(figures) > 10
    content = evaluate("return decodeURIComponent(arguments[0].href)", links[0])
    assert content.startswith("data:text/csv") and "difference,half_width" in content


def test_paper_gets_what_is_folded(large: Path, browser: Any) -> None:
    browser.get(large.as_uri())
    evaluate = browser.execute_script
    folded = evaluate("return document.querySelectorAll('details:not([open])').length")
    evaluate("dispatchEvent(new Event('beforeprint'))")
    assert evaluate("return document.querySelectorAll('details:not([open])').length") == 0 < folded
    evaluate("dispatchEvent(new Event('afterprint'))")
    assert evaluate("return document.querySelectorAll('details:not([open])').length") == folded
