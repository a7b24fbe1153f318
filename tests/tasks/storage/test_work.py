"""What a killed step goes on from, where machines share it: a folder, or a store."""

from contextlib import suppress
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from models import files
from models.errors import RecipeError
from tasks.storage import work
from tasks.storage.work import Work
from tests.support.waiting import until


class Machines:
    """Homes that share what `HEADWATER_WORK` names."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.shared, self._folder, self._patch = folder / "shared", folder, patch
        self.is_address = False

    def on(self, name: str) -> Work:
        """The work of a step on this machine."""
        self._patch.setenv("HEADWATER_HOME", str(self._folder / name))
        return Work("key")


@pytest.fixture(params=["folder", "address"])
def machines(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    made = Machines(tmp_path, monkeypatch)
    place = str(made.shared) if request.param == "folder" else made.shared.as_uri()
    made.is_address = request.param == "address"
    monkeypatch.setenv("HEADWATER_WORK", place)
    monkeypatch.setattr(work, "_COPY_SECONDS", 0.05)
    return made


def _checkpoint(folder: Path, number: int) -> None:
    with files.write_whole(folder / f"step-{number}") as draft:
        draft.mkdir()
        (draft / "model").write_text(f"weights {number}")
        files.seal(draft, "model")


def _fail(failing: Work) -> None:
    with suppress(ZeroDivisionError), failing:
        _checkpoint(failing.resumable, 1)
        raise ZeroDivisionError


def _checkpoints(folder: Path) -> list[str]:
    whole = [path for path in folder.glob("step-*") if files.sealed(path, "model")]
    return sorted(path.name for path in whole)


def test_another_machine_goes_on_from_what_a_killed_one_has_kept(machines: Machines) -> None:
    killed = machines.on("a").__enter__()  # and it never ends
    (killed.out / "half").touch()
    for number in (1, 2):
        _checkpoint(killed.resumable, number)
    (killed.resumable / "step-1" / "model").unlink()
    (killed.resumable / "step-1" / files.SEAL).unlink()
    (killed.resumable / "step-1").rmdir()
    (killed.resumable / f"step-3{files.DRAFT}").mkdir()
    (killed.resumable / f"step-3{files.DRAFT}" / "model").touch()
    until(lambda: _checkpoints(machines.shared / "key") == ["step-2"], 60, "the copy")
    with machines.on("b") as other:
        assert _checkpoints(other.resumable) == ["step-2"]
        assert list(other.out.iterdir()) == []
        _checkpoint(other.resumable, 4)
        assert {(item.key, item.written > 1e9) for item in work.left()} == {("key", True)}
    assert not list((machines.shared).rglob("model")), "the artifact is stored"
    assert not other.resumable.exists() and not other.out.exists()


def test_nothing_is_sent_that_nobody_goes_on_from(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    put = LocalFileSystem.put_file

    def noted(store: LocalFileSystem, here: str, there: str, **more: object) -> None:
        monkeypatch.setattr(work, "_COPY_SECONDS", 60.0)  # until it is looked again
        sent.append(Path(there).name)
        put(store, here, there, **more)

    monkeypatch.setattr(LocalFileSystem, "put_file", noted)
    with machines.on("a") as done:
        (done.scratch / "piece").touch()
        (done.resumable / "kept").touch()
        if machines.is_address:
            until(lambda: sent == ["kept"], 60, "the copy")
        (done.resumable / "last").touch()
    assert sent == ["kept"] * machines.is_address
    assert not done.scratch.exists()


def test_what_was_written_after_the_last_copy_is_sent_by_who_goes_on(machines: Machines) -> None:
    with suppress(ZeroDivisionError), machines.on("a") as failing:
        (failing.resumable / "state").write_text("early")
        raise ZeroDivisionError
    (failing.resumable / "state").write_text("and later")  # and the machine was gone at once
    machines.on("a").__enter__()
    until(lambda: (machines.shared / "key" / "state").read_text() == "and later", 60, "the copy")


def test_what_a_failed_step_has_kept_stays(machines: Machines) -> None:
    _fail(machines.on("a"))
    assert _checkpoints(machines.shared / "key") == ["step-1"]
    for item in work.left():
        item.delete()
    assert not list((machines.shared).rglob("model"))


def test_work_of_a_home_by_itself_stays_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    _fail(Work("key"))
    assert _checkpoints(tmp_path / "work" / "key" / "resumable") == ["step-1"]
    assert [item.folder for item in work.left()] == [tmp_path / "work" / "key"]


@pytest.mark.parametrize("place", ["nowhere://bucket/work", "/proc/nothing/work"])
def test_a_place_that_cannot_be_used_is_said(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("HEADWATER_WORK", place)
    with pytest.raises(RecipeError, match=r"^HEADWATER_WORK: "):
        work.check()
