"""An older artifact counts for a new key by somebody's decision, for as long as that stands."""

from tasks.running.execution import RunContext, produce
from tasks.storage import artifacts, changes, kept, lineage, runs
from tasks.storage.kept import Kept
from tests.support.making import make
from tests.support.toy_steps import Toy, repeat, write


def keep(old: Toy, new: Toy, context: RunContext) -> Kept:
    """The artifact of `write(old)` counts for `write(new)`."""
    run_id = produce(write(old), context).run_id
    record = kept.keep(
        context.experiment_id, write(new), runs.get(run_id), [], "the word does not matter", ["word"]
    )
    (found,) = (item for item in kept.decisions() if item.record.run_id == record)
    return found


def test_the_older_artifact_is_a_hit_for_the_new_key(context: RunContext) -> None:
    decision = keep(Toy(word="old wine"), Toy(word="new skin"), context)
    found = produce(write(Toy(word="new skin")), context)
    assert (found.status, found.run_id, found.metrics) == ("hit", decision.run_id, {"length": 8.0})
    assert (artifacts.files(write(Toy(word="new skin"))) / "folder" / "word.txt").read_text() == "old wine"
    assert produce(write(Toy(word="old wine")), context).run_id == decision.run_id, "it is still what it was"


def test_lineage_and_the_manifest_say_that_it_was_kept_and_why(context: RunContext) -> None:
    decision = keep(Toy(word="said"), Toy(word="done"), context)
    node = lineage.of_key(write(Toy(word="done")).key)
    assert node.run is not None and (node.run.run_id, node.kept) == (decision.run_id, decision.reason)
    listed = artifacts.read_json(decision.record.run_id, "manifest.json")
    assert listed["kept"]["run_id"] == decision.run_id and listed["kept"]["reason"] == decision.reason
    assert changes.since(write(Toy(word="done")), context.experiment_id).kept == decision.reason


def test_what_was_made_from_it_counts_until_it_is_taken_back(context: RunContext) -> None:
    decision = keep(Toy(word="seed"), Toy(word="fruit"), context)
    doubled = repeat(Toy(word="x"), rows=write(Toy(word="fruit")))
    again = repeat(Toy(word="y"), rows=write(Toy(word="tree")))
    make(doubled, context), make(again, context)
    assert (artifacts.files(doubled) / "words.txt").read_text() == "seedseed"
    assert kept.undo(decision) == 1
    assert artifacts.find(write(Toy(word="fruit")).key) is None
    assert artifacts.find(doubled.key) is None, "else the kept one would live on in it"
    assert artifacts.find(again.key) is not None
    artifacts._seen.clear()  # a decision is taken back by a process of its own
    assert (make(doubled, context) / "words.txt").read_text() == "fruitfruit"


def test_it_counts_only_while_the_older_artifact_is_whole(context: RunContext) -> None:
    keep(Toy(word="whole"), Toy(word="broken"), context)
    (artifacts.files(write(Toy(word="whole"))) / "folder" / "word.txt").unlink()
    assert produce(write(Toy(word="broken")), context).status == "run"


def test_a_decision_is_found_by_its_step_when_that_has_changed_again(context: RunContext) -> None:
    decision = keep(Toy(word="keen"), Toy(word="kind"), context)
    standing = [item for item in kept.decisions() if item.record.experiment_id == context.experiment_id]
    assert kept.of(write(Toy(word="another")), standing) == [decision]
    assert kept.of(repeat(Toy(word="x"), rows=write(Toy(word="another"))), standing) == []
