"""A home that has moved, and `headwater clean` in it: on one real run, and another with a setting changed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from mlflow import MlflowClient

from flows.commands import old_flow_runs
from tests.support.recipes import SMALL, write

OTHERS = ("--set", "downstreams.classification.finetune.learning_rates=[1e-3]")
TEXT = "음악이 훌륭했다"
ASKED = ("predict", "small-classification@champion", TEXT)


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clean"), SMALL)


@pytest.fixture(scope="module")
def moved(headwater: Callable, home: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the home after a run, elsewhere."""
    assert headwater("run", recipe).code == 0
    copy = tmp_path_factory.mktemp("moved") / "100% #물 ;1"
    shutil.copytree(home, copy)
    return copy


@pytest.fixture(scope="module")
def again(headwater: Callable, moved: Path, recipe: Path):
    """The recipe once more, in the home that has moved."""
    return headwater("run", recipe, "--json", HEADWATER_HOME=str(moved))


@pytest.fixture
def there(moved: Path, headwater_here: Callable, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Runs in this process, and in the home that has moved, a command that starts no run."""

    def run(*arguments: object):
        monkeypatch.setenv("PREFECT_HOME", str(moved / "none"))  # `clean` would start its server
        return headwater_here(*arguments, folder=moved)

    return run


def size_of(folder: Path) -> int:
    inodes = {path.stat().st_ino: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    return sum(inodes.values())


def test_a_home_that_has_moved_has_everything(
    there: Callable, headwater_here: Callable, moved: Path, again
) -> None:
    assert set(again.status.values()) == {"hit"}
    assert again.document["report"].startswith(str(moved))
    assert there(*ASKED).out == headwater_here(*ASKED).out != ""
    run_id = again.step("score/classification/finetune")["run_id"]
    row = _test_row(moved, again)
    assert there("trace", run_id, row).out == headwater_here("trace", run_id, row).out != ""


def _test_row(home: Path, run) -> str:
    import polars as pl

    split = run.step("split/classification")["run_id"]
    (path,) = home.glob(f"artifacts/*/{split}/artifacts/test.parquet")
    return pl.read_parquet(path)["id"][0]


def test_what_nothing_refers_to_goes_and_all_else_stays(
    there: Callable, headwater: Callable, moved: Path, recipe: Path, again
) -> None:
    client = MlflowClient(f"sqlite:///{moved / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("small").experiment_id
    before = again.document
    changed = ("run", recipe, "--json", *OTHERS)
    after = headwater(*changed, HEADWATER_HOME=str(moved)).document
    answer = there(*ASKED).out
    failed = client.create_run(experiment, run_name="broken", tags={"headwater.step": "score"}).info.run_id
    client.log_text(failed, "x" * 50_000, "quarantine.txt")
    client.set_terminated(failed, "FAILED")
    foreign = client.create_run(experiment, run_name="somebody else's").info.run_id
    for left in ("work/0000/resumable/step-1", "cache/0000", f"artifacts/small/{uuid4().hex}/artifacts"):
        (moved / left).mkdir(parents=True)
        (moved / left / "file").write_bytes(b"x" * 100_000)
    (moved / "cache" / "code.json.0000.draft").write_text("{")  # of a process that was killed

    young = there("clean", "--yes", "--json").document
    assert young["items"] == [], "what is younger than a week stays"
    size = size_of(moved / "artifacts")
    shown = there("clean", "--keep-days", "0", "--json").document
    assert not shown["deleted"] and size_of(moved / "artifacts") == size
    done = there("clean", "--keep-days", "0", "--yes", "--json").document
    assert done["deleted"] and done["items"] == shown["items"]
    freed = {item["kind"]: item["bytes"] for item in done["items"]}
    assert {
        "artifacts",
        "failed runs",
        "checkpoints",
        "downloaded artifacts",
        "drafts",
        "files without a run",
    } <= freed.keys()
    assert done["bytes"] >= size - size_of(moved / "artifacts") > 150_000

    ids = {run.info.run_id for run in client.search_runs([experiment])}
    assert failed not in ids and foreign in ids
    assert {step["run_id"] for step in after["steps"]} <= ids, "the newest run of the recipe refers to it"
    gone = {step["run_id"] for step in before["steps"]} - ids
    titles = {step["title"] for step in before["steps"] if step["run_id"] in gone}
    assert any(title.startswith("score/classification/finetune") for title in titles), (
        "nobody refers to the first scores"
    )
    models = {model.source_run_id for model in client.search_logged_models([experiment])}
    assert models and not models & gone, "MLflow's pages show models that are gone"
    links = list(moved.glob("artifacts/small/models/*/artifacts"))
    assert len(links) == len(models) and all(link.is_dir() for link in links)
    assert there(*ASKED).out == answer
    assert Path(after["report"]).is_file()
    assert set(headwater(*changed, HEADWATER_HOME=str(moved)).status.values()) == {"hit"}
    nothing = there("clean", "--keep-days", "0")
    assert nothing.code == 0 and "artifacts" not in nothing.out


def test_old_flow_runs_of_prefect_go_with_their_logs(
    prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    from prefect import flow, get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings
    from prefect.states import Completed

    @flow(name="short")
    def short() -> None: ...

    with temporary_settings({PREFECT_API_URL: prefect_server}), get_client(sync_client=True) as client:
        made = [client.create_flow_run(short, state=Completed()) for _ in range(2)]
        others = {str(run.id) for run in client.read_flow_runs()} - {str(made[0].id)}
        with old_flow_runs.find(made[0].created.timestamp() + 60, others) as found:
            (item,) = found
            item.delete()
        left = {run.id for run in client.read_flow_runs()}
    assert made[0].id not in left and made[1].id in left
