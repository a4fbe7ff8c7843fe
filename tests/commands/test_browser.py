"""MLflow's UI and the report, in a real browser, over a real search."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest

from analysis import paper
from search.tracking import recorder
from tests.processes import TRIALS, Searched, run

pytestmark = pytest.mark.slow
CHROMIUM, DRIVER = (
    shutil.which("chromium") or shutil.which("chromium-browser"),
    shutil.which("chromedriver"),
)
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
def ui(searched: Searched) -> Iterator[str]:
    """MLflow's own server over the search's store."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    store = f"sqlite:///{searched.results / 'mlflow.db'}"
    argv = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--backend-store-uri",
        store,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 90
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            break
        except OSError:
            assert time.monotonic() < deadline and server.poll() is None
            time.sleep(0.5)
    yield address
    server.terminate()
    server.wait()


def text_of(browser: Any, address: str, until: str, seconds: float = 60) -> str:
    """The visible text of a page once it contains `until`, or after `seconds`."""
    browser.get(address)
    deadline = time.monotonic() + seconds
    while True:
        shown: str = browser.execute_script("return document.body.innerText")
        if until in shown or time.monotonic() > deadline:
            return shown
        time.sleep(0.5)


def test_the_ui_lists_the_search_its_trials_and_the_papers_rows(
    searched: Searched, browser: Any, ui: str
) -> None:
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{searched.results / 'mlflow.db'}")
    ours, theirs = (
        client.get_experiment_by_name(name).experiment_id
        for name in (recorder.EXPERIMENT, recorder.PAPER_EXPERIMENT)
    )
    both = f"{ui}/#/compare-experiments/s?experiments=%5B%22{ours}%22%2C%22{theirs}%22%5D"
    shown = text_of(browser, both, until="paper row 1")
    assert "tiny" in shown and all(f"paper row {row.index}" in shown for row in paper.TABLE_7)
    (parent,) = client.search_runs(
        [ours], "tags.`regimen.kind` = 'search' and tags.`regimen.search` = 'tiny'"
    )
    children = client.search_runs([ours], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert len(children) == TRIALS
    child = max(children, key=lambda found: found.data.metrics.get("score", 0))
    shown = text_of(
        browser, f"{ui}/#/experiments/{ours}/runs/{child.info.run_id}", until="validation_accuracy"
    )
    assert child.info.run_name in shown and "learning_rate" in shown
    shown = text_of(
        browser,
        f"{ui}/#/experiments/{ours}/runs/{child.info.run_id}/system-metrics",
        until="process_memory",
    )
    assert (
        "process_cpu_utilization_percentage" in shown and "process_memory_usage_megabytes" in shown
    )
    shown = text_of(
        browser,
        f"{ui}/#/experiments/{ours}/runs/{parent.info.run_id}/artifacts",
        until="report.html",
    )
    assert "best.yaml" in shown and "report.html" in shown


def test_the_report_draws_its_figures_and_fetches_nothing(
    searched: Searched, browser: Any, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    assert run("analysis.report", str(searched.results), "--out", str(page)).returncode == 0
    browser.get_log("browser")  # discards the messages of earlier pages
    for width in (400, 1400):
        metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get(page.as_uri())
        sizes = browser.execute_script(
            "return [...document.querySelectorAll('svg')].map(s => s.getBoundingClientRect().width)"
        )
        assert len(sizes) >= 10 and min(sizes) > 300
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        drawn = browser.execute_script(
            "return [...document.querySelectorAll('figure')].map(f => f.querySelectorAll('svg"
            " path').length)"
        )
        assert min(drawn) > 3
        letters = browser.execute_script(
            "return [...document.querySelectorAll('svg text')].map(t =>"
            " t.getBoundingClientRect().height)"
        )
        assert min(letters) > 6
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_a_click_sorts_a_table_of_the_report(
    searched: Searched, browser: Any, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    assert run("analysis.report", str(searched.results), "--out", str(page)).returncode == 0
    browser.get(page.as_uri())
    table = next(
        found
        for found in browser.find_elements("tag name", "table")
        if found.text.startswith("The best trials")
    )
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
    assert [head.get_attribute("aria-sort") for head in table.find_elements("tag name", "th")][
        : len(names)
    ].count("ascending") == 1
