"""Scripts in a corpus, a label, a file's name or a title run on no page: the report's, MLflow's or Prefect's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.browser import CHROMIUM, Pages, chromium, page_of
from tests.support.recipes import SMALL, write, write_corpus, write_labelled
from tests.support.up import Up
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")]
IMAGE = "<img src=x onerror=\"window.__xss=1;alert('x')\">"
SCRIPT = "<script>window.__xss=1;alert('x')</script>"
LINK = "[x](javascript:window.__xss=1)"
SECONDS = 300
"""A bound for a busy machine, not an expectation."""


def hostile(folder: Path) -> Path:
    """A recipe whose every text that a user may choose is a script."""
    place = folder / "<img src=x onerror=window.__xss=1>"
    place.mkdir()
    corpus, rows = write_corpus(place / "corpus.jsonl.gz"), write_labelled(place / "rows")
    for path in map(Path, rows.values()):
        text = path.read_text("utf-8").replace("\t0\n", f"\t{IMAGE}\n").replace("\t1\n", f"\t{LINK}\n")
        path.write_text(text.replace("좋다", f"좋다 {SCRIPT}"), "utf-8")
    entry = {
        "downstream": {"kind": "classification", "classes": [IMAGE, LINK], "max_length": 32},
        "data": [{"kind": "nsmc", **rows}],
        "labels": [20],
        "modes": ["linear_probe", "baseline"],
    }
    upstream = SMALL["upstreams"][0] | {"tokenizer": {"vocabulary": 150}}
    recipe: dict[str, Any] = SMALL | {
        "report": {"title": f"{IMAGE} {SCRIPT} {LINK}"},
        "corpus": {"sources": [{"kind": "files", "paths": [str(corpus)]}]},
        "upstreams": [upstream | {"train": {"tokens": 5_000, "batch_tokens": 512}}],
        "downstreams": [entry],
    }
    return write(folder, recipe)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = Up(tmp_path_factory.mktemp("hostile"))
    yield started
    started.stop()


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium() as browser:
        yield page_of(browser)


def test_no_script_of_a_corpus_runs_on_any_page(up: Up, page: Page, tmp_path: Path) -> None:
    fired: list[str] = []
    page.on("dialog", lambda dialog: (fired.append(dialog.message), dialog.dismiss()))
    run = up.begin(hostile(tmp_path))
    until(lambda: up.state(run) in ("COMPLETED", "FAILED", "CRASHED"), SECONDS, "the end of the run")
    assert up.state(run) == "COMPLETED", up.api(f"flow_runs/{run}")["state"]
    pages = Pages(page, up.prefect, up.mlflow)

    def calm(where: str) -> None:
        page.wait_for_timeout(1500)
        for frame in page.frames:
            assert frame.evaluate("window.__xss === undefined"), f"{where}: {frame.url}"
            assert frame.locator("a[href^='javascript:']").count() == 0, f"{where}: {frame.url}"
        assert fired == [], where

    pages.flow_run(run, "Completed")
    calm("Prefect's flow run")
    for tab in ("Artifacts", "Logs", "Task Runs", "Parameters"):
        pages.tab(tab)
        calm(f"Prefect's {tab}")
    parent = up.mlflow_runs("tags.`headwater.parent` = 'true'")[0]["info"]["run_id"]
    made = up.mlflow_runs("tags.`headwater.step` != ''")
    for step in ("report", "validate", "adapt", "promote", "score"):
        item = next(
            found["info"]["run_id"] for found in made if found["info"]["run_name"].partition("/")[0] == step
        )
        page.goto(f"http://127.0.0.1:{up.mlflow}/#/experiments/1/runs/{item}?workflowType=machine_learning")
        page.get_by_text(item).first.wait_for()
        calm(f"MLflow's run of {step}")
    pages.mlflow_run(parent)
    calm("MLflow's front page of the flow run")
    for file in ("report/index.html", "scores.json", "steps.md", "recipe.yaml"):
        page.goto("about:blank")  # else MLflow goes on showing the file before
        page.goto(f"http://127.0.0.1:{up.mlflow}/#/experiments/1/runs/{parent}/artifacts/{file}")
        page.get_by_text(file.rpartition("/")[2]).first.wait_for()
        calm(f"MLflow's view of {file}")
    page.goto(f"http://127.0.0.1:{up.mlflow}/#/models/small-classification/versions/1")
    page.get_by_text("small-classification").first.wait_for()
    calm("MLflow's registered model")
    (report,) = (up.home / "artifacts").rglob(f"{parent}/artifacts/report/index.html")
    page.goto(report.as_uri())
    assert page.get_by_text("window.__xss", exact=False).count(), "the report does not show the texts"
    calm("the report")
