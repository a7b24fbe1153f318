"""`headwater clean`: what nothing refers to any more, shown, and deleted when asked."""

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from flows.commands import old_flow_runs
from tasks.environment import home
from tasks.storage import cache, unused, work
from tasks.storage.lease import Lease, is_free
from tasks.storage.unused import Unused


def clean(keep_days: float, *, yes: bool, as_json: bool) -> int:
    """Show what may be deleted, and with `yes` delete it; gives the exit code."""
    since = time.time() - keep_days * 86400
    found = unused.find(round(since * 1000), is_free)
    items = [*found.unused, *_work(since), *_logs(since)]
    items += [] if found.busy else _cache(since)
    with old_flow_runs.find(since, found.flow_run_ids) as flow_runs:
        items += flow_runs
        total = _bytes(item.files for item in items)
        described = [_described(item) for item in items] if as_json else []
        sizes = {kind: _bytes(item.files for item in items if item.kind == kind) for kind in _kinds(items)}
        if yes:
            for item in items:
                item.delete()
    if yes:
        total += sum(map(_compact, (home() / "mlflow.db", old_flow_runs.database())))
    if as_json:
        print(json.dumps({"deleted": yes, "bytes": total, "items": described}, indent=1))
    else:
        _show(items, sizes, total, yes=yes)
        _explain(found, keep_days, yes=yes)
    return 0


def _kinds(items: Iterable[Unused]) -> list[str]:
    return list(dict.fromkeys(item.kind for item in items))


def _described(item: Unused) -> dict[str, object]:
    return {"kind": item.kind, "title": item.title, "bytes": _bytes([item.files])}


def _show(items: Sequence[Unused], sizes: dict[str, int], total: int, *, yes: bool) -> None:
    numbers = Counter(item.kind for item in items)
    for kind, size in sizes.items():
        print(f"{kind:32} {numbers[kind]:>8,} {_megabytes(size):>14}")
    print(f"{'freed' if yes else 'would be freed':32} {len(items):>8,} {_megabytes(total):>14}")


def _explain(found: unused.Found, keep_days: float, *, yes: bool) -> None:
    if found.busy:
        print("A run goes on, so that every artifact and the cache stay; clean again when it has ended.")
    if found.young:
        print(f"{found.young:,} runs more stay since they are younger than {keep_days:g} days (--keep-days).")
    if found.unused and not unused.forgets():
        print("A server keeps deleted runs and their files until its owner calls `mlflow gc`.")
    if copied := _bytes([cache.copies()]):
        most = f"of at most {_megabytes(cache.bound())} ({cache.VARIABLE})"
        print(f"Copies of artifacts from a store elsewhere take {_megabytes(copied)} {most}.")
    if not yes:
        print("Nothing was deleted: headwater clean --yes deletes it.")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _bytes(items: Iterable[Iterable[Path]]) -> int:
    """What the disk gets back: a file with several names only with the last of them."""
    names: Counter[tuple[int, int]] = Counter()
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    for path in (path for item in items for path in item):
        for file in (path, *path.rglob("*")):
            with suppress(OSError):
                found = file.lstat()
                if not file.is_dir():
                    names[found.st_dev, found.st_ino] += 1
                    sizes[found.st_dev, found.st_ino] = found.st_size, found.st_nlink
    return sum(size for inode, (size, links) in sizes.items() if names[inode] >= links)


def _work(since: float) -> Iterator[Unused]:
    """What killed steps have left to go on from."""
    for item in work.left():
        if item.written < since and is_free(item.key, shared=True):
            folders = [item.folder] if item.folder else []
            yield Unused("checkpoints", item.key, folders, partial(_delete_work, item))


def _delete_work(item: work.Left) -> None:
    if (lease := Lease.take(item.key, shared=True)) is not None:  # else somebody has begun to go on from it
        item.delete()
        lease.release()


def _cache(since: float) -> Iterator[Unused]:
    busy = cache.in_use()
    for folder in cache.every():
        if folder.stat().st_mtime < since and folder.name not in busy:
            yield Unused("downloaded artifacts", folder.name, [folder], partial(cache.remove, folder))
    for draft in cache.drafts():
        with suppress(FileNotFoundError):  # it is whole by now
            if draft.stat().st_mtime < since:
                yield Unused("drafts", draft.name, [draft], partial(draft.unlink, missing_ok=True))


def _logs(since: float) -> Iterator[Unused]:
    for file in _children("logs"):
        if file.is_file() and file.stat().st_mtime < since:
            yield Unused("logs", file.name, [file], partial(file.unlink, missing_ok=True))


def _children(name: str) -> list[Path]:
    return sorted((home() / name).glob("*"))


def _compact(database: Path) -> int:
    """Gives the disk back what deleted rows took, where nobody else uses the database; gives the bytes."""
    if not database.is_file():
        return 0
    before = database.stat().st_size
    with suppress(sqlite3.Error), closing(sqlite3.connect(database, timeout=1.0)) as store:
        store.execute("VACUUM")
        # What that wrote stands in the log, and the file is as long as before.
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return max(0, before - database.stat().st_size)
