"""A store that is damaged: what is not what it was is made again, and nothing is said of it that is not so."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import RecipeError, StoreError
from tasks.graph.refs import About, Ref
from tasks.running.execution import RunContext, produce
from tasks.storage import artifacts, connection, digests, manifest
from tests.support.toy_steps import Toy, repeat, write


@pytest.fixture
def made(context: RunContext, request: pytest.FixtureRequest) -> Ref:
    """An artifact that was made, and found and read before."""
    ref = write(Toy(word=f"water of {request.node.name}"))
    produce(ref, context)
    assert (artifacts.files(ref) / "folder" / "word.txt").read_text() == ref.config.word
    return ref


def word(folder: Path) -> Path:
    return folder / "folder" / "word.txt"


def flip(path: Path) -> None:
    """One bit of a file is another one; its size and its time stay."""
    before, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


DAMAGE: dict[str, Callable[[Path], None]] = {
    "a file flipped": lambda folder: flip(word(folder)),
    "a file cut": lambda folder: cut(word(folder)),
    "a file deleted": lambda folder: word(folder).unlink(),
    "the manifest flipped": lambda folder: flip(folder / manifest.NAME),
    "the manifest cut": lambda folder: cut(folder / manifest.NAME),
    "the manifest empty": lambda folder: (folder / manifest.NAME).write_text("{}"),
    "the manifest deleted": lambda folder: (folder / manifest.NAME).unlink(),
    "the folder deleted": shutil.rmtree,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_no_hit_and_is_made_again(context: RunContext, made: Ref, damage: str) -> None:
    folder = artifacts.files(made)
    DAMAGE[damage](folder)
    with pytest.raises(StoreError, match="run the flow again to make them"):
        artifacts.files(made)
    if folder.is_dir() and (folder / manifest.NAME).is_file():
        with pytest.raises(RecipeError, match="is damaged or gone; run its recipe again"):
            artifacts.check(folder)
    assert artifacts.find(made.key) is None
    assert produce(made, context).status == "run"
    assert word(artifacts.files(made)).read_text() == made.config.word
    follows = repeat(Toy(word="twice"), rows=made)
    produce(follows, context)
    assert (artifacts.files(follows) / "words.txt").read_text() == made.config.word * 2


def test_a_run_or_an_experiment_that_was_deleted_is_made_again(context: RunContext, made: Ref) -> None:
    found = artifacts.find(made.key)
    assert found is not None
    connection.client().delete_run(found.run_id)
    assert produce(made, context).status == "run"
    name = connection.client().get_experiment(context.experiment_id).name
    connection.client().delete_experiment(context.experiment_id)
    assert artifacts.find(made.key) is None
    assert connection.experiment(name) == context.experiment_id, "it is restored"


def test_a_file_that_is_known_is_not_read_again(context: RunContext, made: Ref) -> None:
    path = word(artifacts.files(made))
    content = path.read_bytes()
    with digests.known() as known:
        known.remember(path, path.stat(), "0" * 64)
    with digests.known() as known:
        assert known.is_whole(path, len(content), "0" * 64), "what is remembered was not asked"
    assert artifacts.find(made.key) is not None, "what is remembered called a whole file damaged"


@pytest.mark.parametrize("damage", ["flipped", "cut", "no database", "a folder", "deleted"])
def test_what_is_remembered_may_be_lost_or_damaged(context: RunContext, made: Ref, damage: str) -> None:
    memory = Path(os.environ["HEADWATER_HOME"]) / "cache" / "digests.db"
    memory.unlink()
    if damage == "a folder":
        memory.mkdir()
    elif damage == "no database":
        memory.write_bytes(b"damaged" * 1000)
    elif damage != "deleted":
        assert artifacts.find(made.key) is not None
        content = bytearray(memory.read_bytes())
        content[4096:] = bytes(len(content) - 4096)
        memory.write_bytes(content if damage == "flipped" else content[:5000])
    assert artifacts.find(made.key) is not None
    flip(word(artifacts.files(made)))
    assert artifacts.find(made.key) is None
    if damage == "a folder":
        memory.rmdir()
    produce(made, context)
    assert artifacts.find(made.key) is not None
    with sqlite3.connect(memory) as table:
        assert table.execute("SELECT count(*) FROM digests").fetchone()[0] > 0, (
            "nothing is remembered any more"
        )


def test_what_two_artifacts_have_in_common_lies_there_once(context: RunContext) -> None:
    text = f"{context.parent_id} " * 1000
    first, second = (write(Toy(word=text), about=About(downstream=name)) for name in ("one", "two"))
    second = replace(second, key=first.key[::-1])
    for ref in (first, second):
        produce(ref, context)
    one, two = (word(artifacts.files(ref)) for ref in (first, second))
    assert one.samefile(two) and one.read_text() == text

    flip(one)
    for ref in (first, second):
        assert artifacts.find(ref.key) is None, "both have lost it"
    for ref in (first, second):
        assert produce(ref, context).status == "run"
        assert word(artifacts.files(ref)).read_text() == text, "what is damaged was taken again"
    shutil.rmtree(artifacts.files(first))
    assert word(artifacts.files(second)).read_text() == text
