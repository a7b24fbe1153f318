"""A browser as a user has it: Debian's Chromium, without a window."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from playwright.sync_api import Browser, Page, expect, sync_playwright

expect.set_options(timeout=60_000)  # a bound for a busy machine, not an expectation

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDE, PHONE = 1400, 390
_QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
_LIKES = """
localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');  // its side panel stays closed
localStorage.setItem('color-scheme', '"light"');  // Prefect's
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, until the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_QUIET)
        yield browser
        browser.close()


def page_of(browser: Browser, width: int = WIDE) -> Page:
    """A page of somebody who was never here, but for what they like."""
    page = browser.new_context(viewport={"width": width, "height": 900}, timezone_id="Asia/Seoul").new_page()
    page.add_init_script(_LIKES)
    page.set_default_timeout(60_000)
    return page


@dataclass(frozen=True)
class Pages:
    """The pages of both servers, and what a user does on them."""

    page: Page
    prefect: int
    mlflow: int

    def deployments(self) -> Page:
        """Prefect's list of deployments."""
        return self._prefect("deployments")

    def flow_run(self, flow_run_id: str, state: str) -> Page:
        """Prefect's page of a flow run that is in a state."""
        page = self._prefect(f"runs/flow-run/{flow_run_id}")
        expect(page.get_by_text(state, exact=True).first).to_be_visible()
        return page

    def tab(self, name: str) -> None:
        """Turn to a tab of Prefect's page."""
        self.page.get_by_text(name, exact=True).first.click()

    def ask_retry(self, flow_run_id: str) -> None:
        """Press Retry at a flow run that failed; a question comes."""
        page = self.flow_run(flow_run_id, "Failed")
        page.get_by_role("button", name="Retry").click()
        expect(page.get_by_text("This will retry flow run")).to_be_visible()

    def confirm_retry(self) -> None:
        """Press Retry in the question."""
        self.page.get_by_role("button", name="Retry").last.click()
        expect(self.page.get_by_text("This will retry flow run")).not_to_be_visible()

    def experiment(self) -> Page:
        """MLflow's runs of the first experiment."""
        page = self._mlflow("experiments/1/runs")
        expect(page.get_by_text("transfer-learning").first).to_be_visible()
        return page

    def unfold(self, name: str) -> None:
        """Show in MLflow's list of runs what is below the first of a name."""
        row = self.page.locator(".ag-row").filter(has_text=name).first
        row.locator("[data-component-id*=runnamecellrenderer]").first.click()

    def mlflow_run(self, run_id: str, tab: str = "") -> Page:
        """MLflow's page of a run."""
        page = self._mlflow(f"experiments/1/runs/{run_id}{tab}")
        expect(page.get_by_text("Model metrics").first).to_be_visible()
        return page

    def models(self) -> Page:
        """MLflow's models of the first experiment."""
        return self._mlflow("experiments/1/models")

    def registered(self, name: str) -> Page:
        """MLflow's page of a registered model."""
        page = self._mlflow(f"models/{name}")
        expect(page.get_by_text("Version 1").first).to_be_visible()
        return page

    def compare(self, *run_ids: str) -> Page:
        """MLflow's comparison of runs."""
        runs, experiments = quote(json.dumps(run_ids)), quote(json.dumps(["1"]))
        page = self._mlflow(f"compare-runs?runs={runs}&experiments={experiments}")
        expect(page.get_by_text("Show diff only").first).to_be_visible()
        return page

    def _prefect(self, path: str) -> Page:
        self.page.goto(f"http://127.0.0.1:{self.prefect}/{path}")
        return self.page

    def _mlflow(self, path: str) -> Page:
        kind = "&" if "?" in path else "?"
        self.page.goto(f"http://127.0.0.1:{self.mlflow}/#/{path}{kind}workflowType=machine_learning")
        return self.page
