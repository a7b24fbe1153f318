"""Why a step is to run: what of all that its key takes in is not as it was when it last ran.

Beside each artifact lies what its key is the digest of. Where a step is new because an input is, the artifact that
the input was then is compared with what it would be now, and so on up to where something was changed by hand.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from tasks.graph import identity
from tasks.graph.refs import Ref
from tasks.graph.source_diff import lines_that_matter
from tasks.reading.source import Source, content
from tasks.storage import artifacts, kept, manifest, provenance, runs
from tasks.storage import sources as kept_sources
from tasks.storage.runs import Tracked

Kind = Literal["field", "file", "input", "module", "library", "files", "unknown"]
_LATEST = 200
"""Runs that are looked through for the one that is most like a step."""
_OWN = ("headwater.name", "headwater.mode")
_ALIKE = (
    "headwater.labels",
    "headwater.all_labels",
    "headwater.seed",
    "headwater.upstream",
    "headwater.grid",
)


@dataclass(frozen=True)
class Change:
    """One thing that is not as it was; `old` or `new` is None where it was not there, or is not any more."""

    kind: Kind
    name: str
    old: Any = None
    new: Any = None
    lines: tuple[str, ...] = ()
    """Of a module, how its lines differ; none where its source of then is not kept."""

    @property
    def same(self) -> tuple[str, str, str, str]:
        """By which the same change is found in several steps."""
        return self.kind, self.name, repr(self.old), repr(self.new)


@dataclass(frozen=True)
class Cause:
    """A change, and where: the input of the asked step and the steps above it, none where it is in the step itself."""

    change: Change
    path: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What became of a step."""

    ref: Ref
    status: Literal["hit", "changed", "new"]
    run: Tracked | None = None
    """That made what is there, or the newest that made something for this step."""
    causes: tuple[Cause, ...] = field(default=())
    kept: str = ""
    """Why an older artifact counts, where somebody decided so."""


def since(ref: Ref, experiment_id: str | None) -> Answer:
    """What has changed since the newest artifact of a step was made."""
    if (made := artifacts.look_up(ref)) is not None:
        return Answer(ref, "hit", runs.get(made.run_id), kept=made.kept)
    run = newest(ref, experiment_id)
    return Answer(ref, "new") if run is None else since_run(ref, run, experiment_id)


def since_run(ref: Ref, run: Tracked, experiment_id: str | None) -> Answer:
    """What has changed since a run made its artifact, or since it was decided to keep one."""
    reason = run.tags.get(runs.KEPT_REASON, "")
    return Answer(ref, "changed", run, tuple(_causes(ref, run, experiment_id)), reason)


def newest(ref: Ref, experiment_id: str | None) -> Tracked | None:
    """The newest run that made something for the step of `ref`, of the same labels and seed where there is one."""
    about = ref.about.tags()
    asked = {"headwater.step": ref.step} | {name: about[name] for name in _OWN if name in about}
    found = [run for run in islice(runs.finished(asked), _LATEST) if _is_of(run, ref) and kept.counts(run)]

    def likeness(run: Tracked) -> tuple[bool, bool, int]:
        return run.tags["headwater.key"] == ref.key, run.experiment_id == experiment_id, _likeness(run, ref)

    return max(found, key=likeness, default=None)  # of equals the first, which is the newest


def _causes(ref: Ref, run: Tracked, experiment_id: str | None) -> Iterator[Cause]:
    """Each change once, the nearest to the step first."""
    told: set[tuple[str, str, str, str]] = set()
    looked_at = {ref.key}
    waiting: list[tuple[Ref, Tracked, tuple[str, ...]]] = [(ref, run, ())]
    while waiting:
        ref, run, path = waiting.pop(0)
        old = artifacts.read_json(run.run_id, manifest.MADE_OF)
        if old is None:
            yield Cause(Change("unknown", f"run {run.run_id[:12]} does not say what it was made of"), path)
            continue
        changes = [*_own(ref, old, run)]
        for name, parent, before in _inputs(ref, old["inputs"]):
            if parent is None or before is None:
                changes.append(Change("input", name, before, parent and parent.title))
            elif parent.key not in looked_at:
                looked_at.add(parent.key)
                then = next(runs.finished({"headwater.key": before}), None) or newest(parent, experiment_id)
                step = (*(path or (name,)), parent.title)
                if then is None:
                    changes.append(Change("input", name, before, parent.title))
                else:
                    waiting.append((parent, then, step))
        if old == ref.made_of:
            changes.append(Change("files", f"what run {run.run_id[:12]} made is no longer there as it was"))
        for change in changes:
            if change.same not in told:
                told.add(change.same)
                yield Cause(change, path)


def _own(ref: Ref, old: Mapping[str, Any], run: Tracked) -> Iterator[Change]:
    """What has changed in a step itself: files, fields, modules and libraries."""
    new = ref.made_of
    files = list(_files(ref, run)) if old["config"] != new["config"] else []
    yield from files
    for name, before, after in differences(old["config"], new["config"]):
        if not (files and _is_content(before, after)):
            yield Change("field", name, before, after)
    for name, before, after in differences(old["code"], new["code"]):
        yield _module(name, before, after, run)
    for name, before, after in differences(old["libraries"], new["libraries"]):
        yield Change("library", name, before, after)


def differences(old: Any, new: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Leaves that two nested values do not share, by dotted name; None stands for what is not there."""
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        pairs = [(str(key), old.get(key), new.get(key)) for key in {**old, **new}]
    elif _nested(old) and _nested(new) and len(old) == len(new):
        pairs = [(str(index), *both) for index, both in enumerate(zip(old, new, strict=True))]
    else:
        yield name, old, new
        return
    for key, before, after in pairs:
        yield from differences(before, after, f"{name}.{key}" if name else key)


def _nested(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value)


def _is_content(*values: Any) -> bool:
    """Whether it is the digest of a file that differs."""
    return any(isinstance(item, str) and len(item) == 64 for value in values for item in _flat(value))


def _flat(value: Any) -> Iterator[Any]:
    for item in value if isinstance(value, list) else [value]:
        yield from _flat(item) if isinstance(item, list) else [item]


def _files(ref: Ref, run: Tracked) -> Iterator[Change]:
    """Files that a reading step read then, or would read now, and whose bytes the other did not."""
    read = kept_sources.of(run.run_id)
    sources = [item for item in getattr(ref.config, "sources", ()) if isinstance(item, Source)]
    if read is None or not sources:
        return
    then = {item["path"]: item["sha256"] for item in read}
    paths = [path for source in sources for path, _ in source.by_file() if path is not None]
    now = {f"{path}": content(path) for path in paths}
    now |= {item["path"]: item["sha256"] for source in sources for item in source.origins()}
    for path in sorted({*then, *now}):
        before, after = then.get(path), now.get(path)
        moved = before in now.values() if after is None else after in then.values() and before is None
        if before != after and not moved:
            yield Change("file", path, before, after)


def _module(name: str, before: str | None, after: str | None, run: Tracked) -> Change:
    path = identity.source_of(name)
    old = before and provenance.source(run.run_id, name, before)
    place = identity.place_of(name)
    if not old or after is None or path is None:
        return Change("module", place, before, after)
    return Change("module", place, before, after, tuple(lines_that_matter(place, old, path.read_bytes())))


def _inputs(ref: Ref, old: Mapping[str, Any]) -> Iterator[tuple[str, Ref | None, str | None]]:
    """Inputs that have another key than then: the ref of now and the key of then, paired where there are several."""
    for name in {**old, **ref.inputs}:
        given = ref.inputs.get(name)
        now = [given] if isinstance(given, Ref) else list(given or ())
        before = old.get(name) or []
        then = before if isinstance(before, list) else [before]
        kept = {item.key for item in now} & {*then}
        now, then = [item for item in now if item.key not in kept], [key for key in then if key not in kept]
        yield from _paired(name, now, then)


def _paired(name: str, now: list[Ref], then: list[str]) -> Iterator[tuple[str, Ref | None, str | None]]:
    """Each ref with the key of what is most like it."""
    if len(now) == len(then) == 1:
        yield name, now[0], then[0]
        return
    made = {key: next(runs.finished({"headwater.key": key}), None) for key in then}
    for ref in now:
        alike = {
            key: _likeness(run, ref) for key, run in made.items() if run is not None and _is_of(run, ref)
        }
        key = max(alike, key=lambda key: alike[key], default=None)
        made.pop(key or "", None)
        yield name, ref, key
    for key, run in made.items():
        yield f"{name}: {run.name}" if run else name, None, key


def _is_of(run: Tracked, ref: Ref) -> bool:
    """Whether a run is of the step, the entry and the mode of `ref`."""
    about = ref.about.tags()
    return run.step == ref.step and all(run.tags.get(name) == about.get(name) for name in _OWN)


def _likeness(run: Tracked, ref: Ref) -> int:
    about = ref.about.tags()
    return sum(run.tags.get(name) == about.get(name) for name in _ALIKE)
