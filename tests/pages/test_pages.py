"""The pages of Prefect, MLflow and the report as a user sees them: a run that fails, its retry, another run."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import CHROMIUM, PHONE, WIDE, Pages, chromium, page_of
from tests.support.recipes import SMALL, write
from tests.support.up import Up
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")]
RECIPE: dict[str, Any] = SMALL | {"name": "reviews"}
DRILL = "score/classification/finetune"
SECONDS = 240
"""A bound for a busy machine, not an expectation."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = Up(tmp_path_factory.mktemp("pages"), environment={"HEADWATER_FAIL": f"{DRILL}:1"})
    yield started
    started.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = page_of(browser)
    yield opened
    opened.context.close()


@pytest.fixture
def pages(up: Up, page: Page) -> Pages:
    return Pages(page, up.prefect, up.mlflow)


@pytest.fixture(scope="module")
def failed(up: Up, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A flow run one step of which has failed."""
    flow_run_id = up.begin(write(tmp_path_factory.mktemp("recipe"), RECIPE))
    until(lambda: up.state(flow_run_id) in ("COMPLETED", "FAILED"), SECONDS, "the end of the run")
    assert up.state(flow_run_id) == "FAILED"
    return flow_run_id


@pytest.fixture(scope="module")
def retried(up: Up, browser: Browser, failed: str) -> str:
    """The same flow run after Retry on its page."""
    page = page_of(browser)
    pages = Pages(page, up.prefect, up.mlflow)
    pages.ask_retry(failed)
    pages.confirm_retry()
    until(lambda: up.state(failed) == "COMPLETED", SECONDS, "the end of the retried run")
    page.context.close()
    return failed


@pytest.fixture(scope="module")
def another(up: Up, retried: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run of the same recipe with another setting; most of it is there already."""
    recipe = write(tmp_path_factory.mktemp("recipe"), RECIPE)
    flow_run_id = up.begin(recipe, {"downstreams.classification.finetune.epochs": 20})
    until(lambda: up.state(flow_run_id) == "COMPLETED", SECONDS, "the end of the second run")
    return flow_run_id


def step(up: Up, name: str, mode: str) -> str:
    """The MLflow run of a step of the first run."""
    found = up.mlflow_runs(f"tags.`headwater.step` = '{name}' and tags.`headwater.mode` = '{mode}'")
    return found[-1]["info"]["run_id"]


def at_once(runs: list[dict[str, Any]], *steps: str) -> int:
    """The most task runs of these steps that were Running at one moment."""
    ran = [run for run in runs if run["name"].partition(" ")[0] in steps]
    return max(
        sum(run["start_time"] <= other["start_time"] < run["end_time"] for run in ran) for other in ran
    )


def test_a_failure_is_told_in_the_logs_of_its_flow_run(up: Up, pages: Pages, failed: str) -> None:
    pages.flow_run(failed, "Failed")
    logs = pages.page.get_by_text("failed on purpose, as HEADWATER_FAIL=").first
    logs.scroll_into_view_if_needed()
    expect(logs).to_be_visible()
    runs = up.task_runs(failed)
    names = Counter(run["name"].partition(" ")[0] for run in runs)
    assert (names["pretrain"], names["promote"]) == (1, 0), "what did not run has no task run"
    assert names["adapt"] == names["predict"] == names["score"] == 3
    assert at_once(runs, "tokenizer", "encode", "adapt", "predict", "pretrain") <= 2  # `jobs` of the recipe
    assert {run["name"].partition(" ")[0] for run in runs if run["state"]["type"] != "COMPLETED"} == {"score"}


def test_retry_on_the_page_makes_what_was_missing(up: Up, pages: Pages, retried: str) -> None:
    pages.flow_run(retried, "Completed")
    names = Counter(run["name"].partition(" ")[0] for run in up.task_runs(retried))
    assert (names["pretrain"], names["adapt"], names["promote"]) == (1, 3, 1)
    pages.tab("Artifacts")
    expect(pages.page.get_by_text("steps whose artifacts were there already").first).to_be_visible()


def test_a_schedule_is_switched_on_by_its_toggle(up: Up, pages: Pages) -> None:
    def schedule() -> dict[str, Any]:
        return next(d for d in up.api("deployments/filter", {}) if d["name"] == "weekly")["schedules"][0]

    page = pages.deployments()
    expect(page.get_by_text("At 01:00 AM every day")).to_be_visible()
    assert not schedule()["active"]
    page.get_by_text("weekly").click()
    expect(page.get_by_text("At 02:00 AM, only on Saturday")).to_be_visible()
    page.locator(".p-toggle__control").first.click()
    until(lambda: schedule()["active"], 30, "the schedule")


def test_an_experiment_opens_on_its_runs_with_entries_and_steps_below_them(
    up: Up, pages: Pages, another: str
) -> None:
    page = pages.experiment()
    expect(page.get_by_text("Model training")).to_be_visible()
    expect(page.get_by_text("reviews: transfer learning, from text to tested models")).to_be_visible()
    assert "No data" not in page.inner_text("body") and "Evaluation runs" not in page.inner_text("body")
    pages.unfold("transfer-learning")
    pages.unfold("classification")
    expect(page.get_by_text("adapt/classification/finetune").first).to_be_visible()
    assert "headwater" in page.inner_text("body"), "the column of sources"
    expect(
        page.get_by_text("classification/validation").or_(page.get_by_text("/train")).first
    ).to_be_visible()


def test_the_page_of_a_flow_run_says_what_came_out(up: Up, pages: Pages, retried: str) -> None:
    page = pages.mlflow_run(up.front(retried))
    for words in ("classification", "fine", "score/classification/finetune/100/accuracy", "train.tokens"):
        expect(page.get_by_text(words).first).to_be_attached()
    pages.mlflow_run(up.front(retried), "/artifacts")
    page.get_by_text("report", exact=True).first.click()
    page.get_by_text("index.html").first.click()
    expect(page.frame_locator("iframe").get_by_role("heading").first).to_be_visible()


def test_the_page_of_a_step_has_its_data_and_its_model(up: Up, pages: Pages, retried: str) -> None:
    page = pages.mlflow_run(step(up, "adapt", "finetune"))
    expect(page.get_by_text("classification-finetune-100-labels").first).to_be_visible()
    expect(page.get_by_text("reviews-classification").first).to_be_visible()
    page.get_by_text("classification/train").first.click()
    drawer = page.get_by_role("dialog")
    for words in ("classification/train", "text", "label"):
        expect(drawer.get_by_text(words).first).to_be_visible()


def test_the_tab_of_models_lists_them_with_their_scores(pages: Pages, retried: str) -> None:
    page = pages.models()
    expect(page.get_by_text("classification-finetune-100-labels").first).to_be_visible()
    expect(page.get_by_text("test/accuracy").first).to_be_visible()


def test_comparing_two_flow_runs_shows_what_differs(up: Up, pages: Pages, retried: str, another: str) -> None:
    page = pages.compare(up.front(retried), up.front(another))
    for number in (0, 1):  # "Show diff only", of parameters and of metrics
        page.get_by_role("switch").nth(number).click()
    expect(page.get_by_text("corpus.clean.entities")).to_have_count(0)
    row = page.get_by_role("row", name="downstreams.classification.finetune.epochs")
    assert row.first.inner_text().split()[1:] == ["1.0", "20.0"]
    expect(page.get_by_text("score/classification/finetune/100/accuracy", exact=True).first).to_be_attached()
    expect(page.get_by_text("score/classification/baseline/100/accuracy", exact=True)).to_have_count(0)


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_the_report_fits_the_window(
    up: Up, browser: Browser, retried: str, tmp_path: Path, width: int
) -> None:
    report = up.mlflow_file(up.front(retried), "report/index.html")
    (tmp_path / "index.html").write_bytes(report)
    page = page_of(browser, width)
    page.goto((tmp_path / "index.html").as_uri())
    expect(page.get_by_role("heading").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
