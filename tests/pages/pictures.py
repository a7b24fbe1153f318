"""The pictures of docs/operating.md, all from one story on real servers: `python -m tests.pages.pictures HOME`.

HOME is a new folder; what has run lies there afterwards.
"""

import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.support.browser import Pages, chromium, page_of
from tests.support.recipes import SMALL, write
from tests.support.up import PROJECT, Up
from tests.support.waiting import until

_SECONDS = 300
_COLOURS = 128
_OTHER = {"downstreams.classification.finetune.epochs": 20}


def take(page: Page, name: str, *, settle: float = 3) -> None:
    """One picture, as a PNG of few colours."""
    page.add_style_tag(content="[data-assistant-ui] {display: none}")
    page.wait_for_timeout(settle * 1000)
    with Image.open(BytesIO(page.screenshot())) as picture:
        few = picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        few.save(PROJECT / "docs" / "images" / f"operating-{name}.png", optimize=True)


def ended(up: Up, flow_run_id: str) -> Callable[[], bool]:
    return lambda: up.state(flow_run_id) in ("COMPLETED", "FAILED")


def of_prefect(up: Up, pages: Pages, recipe: Path) -> tuple[str, str]:
    """A schedule, a run, its failure and its retry; a second run. Their ids."""
    page = pages.deployments()
    page.get_by_text("weekly").click()
    page.locator(".p-toggle__control").first.click()
    take(page, "schedule")
    first = up.begin(recipe)
    until(lambda: up.mlflow_runs("tags.`headwater.step` = 'pretrain'"), _SECONDS, "the pretraining")
    take(pages.flow_run(first, "Running"), "watch")
    until(ended(up, first), _SECONDS, "the failure")
    page = pages.flow_run(first, "Failed")
    page.get_by_text("failed on purpose").first.scroll_into_view_if_needed()
    take(page, "failure")
    pages.ask_retry(first)
    take(page, "retry")
    pages.confirm_retry()
    until(lambda: up.state(first) == "COMPLETED", _SECONDS, "the retried run")
    second = up.begin(recipe, _OTHER)
    until(lambda: up.state(second) == "COMPLETED", _SECONDS, "the second run")
    return first, second


def of_mlflow(up: Up, pages: Pages, first: str, second: str) -> None:
    """What the two runs have left."""
    pages.experiment()
    pages.unfold("transfer-learning")
    pages.unfold("classification")
    take(pages.page, "experiment")
    take(pages.mlflow_run(up.front(second)), "run")
    (adapt, *_) = up.mlflow_runs("tags.`headwater.step` = 'adapt' and tags.`headwater.mode` = 'finetune'")
    page = pages.mlflow_run(adapt["info"]["run_id"])
    page.get_by_text("classification/train").first.click()
    take(page, "step")
    page = pages.compare(up.front(first), up.front(second))
    for shown in ("Visualizations", "Run details"):
        page.get_by_text(shown).first.click()
    for number in (0, 1):
        page.get_by_role("switch").nth(number).click()
    take(page, "compare")
    page = pages.registered("reviews-classification")
    page.get_by_text("Tags", exact=True).first.click()  # those of the model, above its versions
    take(page, "champion")


def main(home: Path) -> None:
    up = Up(home, environment={"HEADWATER_FAIL": "score/classification/finetune:1"})
    try:
        recipe = write(home, SMALL | {"name": "reviews"}).rename(home / "reviews.yaml")
        with chromium() as browser:
            pages = Pages(page_of(browser), up.prefect, up.mlflow)
            of_mlflow(up, pages, *of_prefect(up, pages, recipe))
    finally:
        up.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
