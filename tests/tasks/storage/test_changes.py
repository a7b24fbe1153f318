"""What has changed since a step last ran: found where it was changed, however far above the step that is."""

import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.graph import identity
from tasks.graph.refs import About, Ref
from tasks.ingest import IngestConfig, ingest
from tasks.running.execution import RunContext
from tasks.sources.files import Files
from tasks.storage import artifacts, changes, provenance
from tasks.storage.changes import Change
from tests.support.making import make
from tests.support.toy_steps import Toy, repeat, write

STEP = """
from models.config import Config
from tasks.graph import refs
from tasks.graph.step import step

@step(refs.Ingested)
def grind(job, config: Config) -> None:
    "Grinds."
    number = 1  # one
    (job.out / "flour.txt").write_text(str(number))
"""


def found(ref: Ref, context: RunContext) -> list[tuple[str, str, object, object, tuple[str, ...]]]:
    answer = changes.since(ref, context.experiment_id)
    assert answer.status == "changed"
    return [
        (item.change.kind, item.change.name, item.change.old, item.change.new, item.path)
        for item in answer.causes
    ]


def test_a_hit_and_what_was_never_made_are_told_apart(context: RunContext) -> None:
    here = About(downstream="told apart")
    made = write(Toy(word="there"), about=here)
    make(made, context)
    answer = changes.since(made, context.experiment_id)
    assert answer.status == "hit" and answer.run is not None and answer.run.tags["headwater.key"] == made.key
    never = changes.since(repeat(Toy(word="never"), about=About(downstream="no such entry"), rows=made), "0")
    assert (never.status, never.run, never.causes) == ("new", None, ())


def test_a_field_is_named_with_both_values_where_it_was_changed(context: RunContext) -> None:
    about = About(downstream="fields")
    make(repeat(Toy(word="x"), about=about, rows=write(Toy(word="a"), about=about)), context)
    changed = repeat(Toy(word="y"), about=about, rows=write(Toy(word="b"), about=about))
    assert found(changed, context) == [
        ("field", "word", "x", "y", ()),
        ("field", "word", "a", "b", ("rows", "write/fields")),
    ]


def test_of_several_runs_the_newest_counts_and_before_it_that_of_as_many_labels(context: RunContext) -> None:
    few, many = (About(downstream="labels", mode="m", labels=number) for number in (10, 1000))
    for word, about in (("few", few), ("many", many), ("many again", many)):
        make(write(Toy(word=word), about=about), context)
    assert [item[2:4] for item in found(write(Toy(word="few now"), about=few), context)] == [
        ("few", "few now")
    ]
    assert [item[2] for item in found(write(Toy(word="many now"), about=many), context)] == ["many again"]


def test_files_are_named_that_changed_came_or_went_and_not_those_that_moved(
    context: RunContext, tmp_path: Path
) -> None:
    paths = {name: tmp_path / f"{name}.csv" for name in ("same", "mended", "gone", "moved")}
    for name, path in paths.items():
        path.write_text(f"text\n{name}\n", encoding="utf-8")

    def read() -> Ref:
        sources = (Files(paths=(str(tmp_path / "*.csv"),)),)
        return ingest(IngestConfig(sources=sources), about=About(downstream="files"))

    make(read(), context)
    paths["mended"].write_text("text\nmended now\n", encoding="utf-8")
    paths["gone"].unlink()
    paths["moved"].rename(tmp_path / "a.csv")
    (tmp_path / "new.csv").write_text("text\nnew\n", encoding="utf-8")
    told = {Path(name).name: (old is None, new is None) for kind, name, old, new, _ in found(read(), context)}
    assert told == {"gone.csv": (False, True), "mended.csv": (False, False), "new.csv": (True, False)}


def test_what_is_no_longer_there_is_said_to_be_gone(context: RunContext) -> None:
    ref = write(Toy(word="lost"), about=About(downstream="lost"))
    make(ref, context)
    (artifacts.files(ref) / "folder" / "word.txt").unlink()
    ((kind, said, *_),) = found(ref, context)
    assert kind == "files" and "no longer there" in said


def test_a_library_is_named_with_both_versions(
    context: RunContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rows.csv").write_text("text\nlibrary\n", encoding="utf-8")
    how = IngestConfig(sources=(Files(paths=(str(tmp_path / "rows.csv"),)),))
    make(ingest(how, about=About(downstream="library")), context)
    installed = identity.version
    monkeypatch.setattr(identity, "version", lambda name: "0.1" if name == "polars" else installed(name))
    identity.forget()
    changed = ingest(how, about=About(downstream="library"))
    identity.forget()
    assert found(changed, context) == [("library", "polars", installed("polars"), "0.1", ())]


@pytest.fixture
def mill(tmp_path: Path) -> Iterator[Path]:
    """The file of a step of somebody's own."""
    path = tmp_path / "mill.py"
    path.write_text(STEP)
    yield path
    sys.modules.pop("mill", None)


def declared(path: Path, word: str) -> Ref:
    """The ref of the step in the file as it is now."""
    os.utime(path, ns=(time.time_ns(), time.time_ns()))
    spec = importlib.util.spec_from_file_location("mill", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules["mill"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.grind(Toy(word=word))


def module_of(ref: Ref, context: RunContext) -> Change:
    (cause,) = changes.since(ref, context.experiment_id).causes
    assert cause.change.kind == "module"
    return cause.change


def test_a_module_is_shown_with_the_lines_that_bear_on_the_key(context: RunContext, mill: Path) -> None:
    ref = declared(mill, "corn")
    provenance.keep(context.parent_id)
    make(ref, context)
    mill.write_text(
        STEP.replace('"Grinds."', '"Grinds corn."').replace("number = 1  # one", "number = 2  # two")
    )
    change = module_of(declared(mill, "corn"), context)
    assert change.name == "mill.py"
    assert change.lines == ("@@ line 9 @@", "-    number = 1  # one", "+    number = 2  # two")


def test_lines_that_are_not_of_the_artifacts_code_are_not_shown(context: RunContext, mill: Path) -> None:
    ref = declared(mill, "rye")
    mill.write_text(STEP.replace("= 1", "= 3"))
    provenance.keep(context.parent_id)  # of another code than the key's
    make(ref, context)
    assert module_of(declared(mill, "rye"), context).lines == ()
