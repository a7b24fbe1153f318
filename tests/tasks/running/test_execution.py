"""Rules 1 to 5: keys, reuse, all or nothing, resume and once, on a real MLflow store."""

import errno
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from models.errors import DataError, HeadwaterError, StoreError
from tasks.graph.refs import About, Ref, ordered
from tasks.running.execution import Outcome, RunContext, produce, task_of
from tasks.running.failures import STOPPING, Stopped, may_heal, reason
from tasks.running.front_page import FrontPage
from tasks.running.training_processes import TrainingProcesses
from tasks.storage import artifacts, connection, runs
from tasks.storage.lease import lease
from tests.support.toy_steps import Toy, alone, meet, repeat, train, write
from tests.support.waiting import until


def folder_of(ref: Ref) -> Path:
    return artifacts.files(ref)


def test_a_finished_artifact_is_found_and_not_made_again(context: RunContext, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    ref = write(Toy(word="물", calls=str(calls)))
    first, second = produce(ref, context), produce(ref, context)
    assert (first.status, second.status) == ("run", "hit")
    assert first.run_id == second.run_id and second.metrics == {"length": 1.0}
    assert calls.read_text().count("물") == 1


def test_an_artifact_whose_files_are_gone_is_made_again(context: RunContext) -> None:
    ref = write(Toy(word="gone"))
    produce(ref, context)
    (folder_of(ref) / "folder" / "word.txt").unlink()
    assert produce(ref, context).status == "run"
    (folder_of(ref) / "folder" / "word.txt").write_text("x")
    assert artifacts.find(ref.key) is None, "a file cut short is no artifact"


def test_the_manifest_lists_every_file_with_bytes_and_digest(context: RunContext) -> None:
    ref = write(Toy(word="강물"))
    produce(ref, context)
    manifest = json.loads((folder_of(ref) / "manifest.json").read_text())
    assert manifest["key"] == ref.key and manifest["step"] == "write"
    (file,) = manifest["files"]
    assert (
        file["path"] == "folder/word.txt"
        and file["bytes"] == len("강물".encode())
        and len(file["sha256"]) == 64
    )


def test_a_step_reads_the_files_of_its_input(context: RunContext) -> None:
    ref = write(Toy(word="ab"))
    produce(ref, context)
    doubled = repeat(Toy(word="two"), rows=ref)
    produce(doubled, context)
    assert (folder_of(doubled) / "words.txt").read_text() == "abab"


def test_a_failure_leaves_nothing_and_says_why_in_mlflow(context: RunContext) -> None:
    ref = write(Toy(word="bad", fail=True))
    with pytest.raises(DataError, match="choose another"):
        produce(ref, context)
    assert artifacts.find(ref.key) is None
    (run,) = connection.search(context.experiment_id, f"tags.`headwater.key` = '{ref.key}'")
    assert run.info.status == "FAILED" and "not a good word" in run.data.tags["headwater.reason"]
    assert run.data.metrics == {"length": 3.0}, "what was measured before the failure is kept"
    with pytest.raises(StoreError, match="no longer in the store"):
        artifacts.files(ref)


def test_runs_carry_the_tags_users_search_by(context: RunContext) -> None:
    about = About(
        downstream="reviews", kind="classification", mode="finetune", labels=1000, seed=3, upstream="mlm"
    )
    ref = write(Toy(word="tags"), about=about)
    run = connection.client().get_run(produce(ref, context).run_id)
    assert run.info.run_name == "write/reviews/finetune"
    entry = connection.client().get_run(run.data.tags["mlflow.parentRunId"])
    assert entry.info.run_name == "reviews" and entry.data.tags["mlflow.parentRunId"] == context.parent_id
    wanted = {"step": "write", "key": ref.key, "upstream": "mlm", "downstream": "classification", "name": "reviews",
              "mode": "finetune", "labels": "1000", "seed": "3", "flow_run_id": "flow-run"}  # fmt: skip
    assert {name: run.data.tags[f"headwater.{name}"] for name in wanted} == wanted


def test_the_same_key_wanted_twice_at_once_is_computed_once(context: RunContext, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    ref = write(Toy(word="once", calls=str(calls), wait=0.5))
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: produce(ref, context), range(4)))
    assert sorted(outcome.status for outcome in outcomes) == ["hit", "hit", "hit", "run"]
    assert calls.read_text().count("once") == 1


def test_small_models_share_the_threads_and_a_pretraining_has_all(
    context: RunContext, tmp_path: Path
) -> None:
    config = Toy(word="one", calls=str(tmp_path), wait=60.0)
    first, second = meet(config), meet(config.model_copy(update={"word": "two"}))
    with ThreadPoolExecutor(4) as pool:
        both = list(pool.map(lambda ref: produce(ref, context), (first, second)))
        for outcome in both:
            assert outcome.metrics and (outcome.metrics["threads"], outcome.metrics["met"]) == (1, 1)
        quick = [config.model_copy(update={"word": word, "wait": 0.3}) for word in "abc"]
        wanted = [
            (meet, meet(quick[0])),
            (alone, alone(quick[1])),
            (meet, meet(quick[1])),
            (alone, alone(quick[2])),
        ]
        made = list(pool.map(lambda item: produce(item[1], context), wanted))
    for (step, _), outcome in zip(wanted, made, strict=True):
        assert outcome.metrics
        if step is alone:
            assert (outcome.metrics["threads"], outcome.metrics["met"]) == (2, 0)


def test_an_exclusive_turn_has_the_odd_thread_as_well() -> None:
    processes = TrainingProcesses(threads=3, jobs=2)
    for use, expected in (("shared", 1), ("exclusive", 3)):
        seat = processes.take(use)
        assert seat is not None and seat.threads == expected
        seat.leave()


def test_pretrainings_that_are_to_run_beside_one_another_do() -> None:
    processes = TrainingProcesses(threads=4, jobs=4, pretrainings=2)
    seats = [processes.take("exclusive") for _ in range(3)]
    assert [seat and seat.threads for seat in seats] == [2, 2, None]
    assert processes.take("shared") is None
    assert seats[0] is not None
    seats[0].leave()
    assert [seat and seat.threads for seat in (processes.take("shared"), processes.take("exclusive"))] == [
        1,
        None,
    ]


def test_as_many_pretrainings_run_as_are_asked_for_however_many_jobs_there_are() -> None:
    processes = TrainingProcesses(threads=4, jobs=3, pretrainings=2)
    seats = [processes.take("exclusive") for _ in range(3)]
    assert [seat and seat.threads for seat in seats] == [2, 2, None]
    assert seats[0] is not None and processes.take("shared") is not None
    seats[0].leave()
    assert processes.take("exclusive") is not None


def test_a_killed_training_process_heals_and_goes_on_where_it_was(
    context: RunContext, home_folder: Path
) -> None:
    rows = write(Toy(word="r"))
    produce(rows, context)
    ref = train(Toy(word="kill", fail=True), rows=rows)
    with pytest.raises(BrokenProcessPool) as caught:
        produce(ref, context)
    assert may_heal(caught.value) and "killed" in reason(caught.value)
    outcome = produce(ref, context)
    assert outcome.status == "run" and outcome.metrics and outcome.metrics["resumed_at"] == 3.0
    assert int((folder_of(ref) / "pid.txt").read_text()) != os.getpid()
    assert not (home_folder / "work" / ref.key).exists(), "resumable work goes once it is stored"


PROJECT = Path(__file__).parents[3]
KILLED = """
import sys
sys.path.insert(0, {project!r})
from tests.support.toy_steps import Toy, write
from tasks.running.execution import Outcome, RunContext, produce
from tasks.running.local import Local
from tasks.running.progress import Board
from tasks.running.training_processes import TrainingProcesses
context = RunContext({experiment!r}, {parent!r}, "", Local(TrainingProcesses(1), Board(), "cpu"))
print("ready", flush=True)
produce(write(Toy(word="slow", wait=60.0)), context)
"""


def test_a_kill_leaves_nothing_and_frees_the_lease(context: RunContext) -> None:
    program = KILLED.format(
        project=str(PROJECT),
        experiment=context.experiment_id,
        parent=context.parent_id,
    )
    ref = write(Toy(word="slow"))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=PROJECT) as child:
        until(lambda: runs.unfinished(ref.key), 90, "the step")
        child.kill()
    (killed,) = runs.unfinished(ref.key)
    assert artifacts.find(ref.key) is None
    assert produce(ref, context).status == "run"
    assert connection.client().get_run(killed).info.status == "KILLED"


def test_prefect_has_no_limit_to_ask_its_server_for_before_a_step_begins() -> None:
    """It asks for one for each tag of a task, and is answered seconds later now and then."""
    assert not task_of(write).tags


def test_only_what_may_heal_is_retried() -> None:
    assert may_heal(ConnectionResetError()) and may_heal(MemoryError()) and may_heal(StoreError("down"))
    assert may_heal(RuntimeError("CUDA out of memory"))
    for lasting in (
        DataError("bad"),
        ValueError("bad"),
        OSError(errno.ENOSPC, "full"),
        FileNotFoundError(2, "no"),
    ):
        assert not may_heal(lasting)
    assert "disk is full" in reason(OSError(errno.ENOSPC, "No space left on device", "/x"))


def test_a_drill_counts_for_each_step_whatever_dots_are_in_its_name(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_FAIL", "write:1")
    for about in (About(downstream="a.b"), About(downstream="a", mode="b")):
        ref = write(Toy(word=f"drill {about.mode}"), about=about)
        with pytest.raises(HeadwaterError, match="failed on purpose"):
            produce(ref, context)
        assert produce(ref, context).status == "run"


def test_an_error_of_the_connection_that_says_nothing_is_told_by_its_name() -> None:
    with pytest.raises(StoreError, match=r"cannot be used \(ConnectionResetError\)"), connection.reaching():
        raise ConnectionResetError


def test_a_step_that_waits_for_a_lease_can_be_stopped(context: RunContext) -> None:
    ref = write(Toy(word="waiting"))
    threading.Timer(0.5, STOPPING.set).start()
    try:
        with lease(ref.key, lambda: None, lambda: None), pytest.raises(Stopped):
            produce(ref, context)
    finally:
        STOPPING.clear()


def test_a_run_orders_every_step_after_what_it_needs() -> None:
    a = write(Toy(word="a"))
    b, c = repeat(Toy(word="b"), rows=a), repeat(Toy(word="c"), rows=a)
    assert ordered([c, b]) == [a, c, b]


def test_the_front_page_counts_shards_in_words(context: RunContext) -> None:
    shards = [write(Toy(word=word), about=About(shard=word)) for word in ("one", "two")]
    for number, said in ((1, "1 shard"), (2, "2 shards")):
        outcomes = [Outcome(ref, "run", 1.0) for ref in shards[:number]]
        FrontPage(context).close(outcomes, runs.FINISHED)
        told = runs.get(context.parent_id).tags["mlflow.note.content"]
        assert f", {said} | {number} run |" in told
