"""Requests that come at the same time: answered together, and as if each had come alone."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from models.inference import dynamic_batching
from models.inference.dynamic_batching import DynamicBatches
from tests.support.waiting import until


class Busy:
    """Doubles numbers, and writes down which it has been given at once; the first time it waits until it may go on."""

    def __init__(self) -> None:
        self.began, self.may = Event(), Event()
        self.given: list[list[int]] = []

    def __call__(self, rows: list[int]) -> list[int]:
        self.given.append(rows)
        self.began.set()
        assert self.may.wait(10)
        if 13 in rows:
            raise ValueError("unlucky")
        if 99 in rows:
            raise KeyboardInterrupt
        return [2 * row for row in rows]


def all_at_once(busy: Busy, requests: list[list[int]], most: int = 64) -> list[Future[list[int]]]:
    """Requests of as many threads, in their order; all but the first come while that is being answered."""
    batches = DynamicBatches(busy, most)
    with ThreadPoolExecutor(len(requests)) as threads:
        made = [threads.submit(batches, requests[0])]
        assert busy.began.wait(10)
        for number, request in enumerate(requests[1:], start=2):
            made.append(threads.submit(batches, request))
            until(lambda number=number: len(batches._line) == number)
        busy.may.set()
    return made


def test_those_that_come_meanwhile_are_answered_at_once_each_with_its_own() -> None:
    busy = Busy()
    made = all_at_once(busy, [[1], [2, 3], [], [4]])
    assert [found.result() for found in made] == [[2], [4, 6], [], [8]]
    assert busy.given == [[1], [2, 3, 4]]


def test_no_more_rows_than_there_is_room_for_and_in_their_order() -> None:
    busy = Busy()
    made = all_at_once(busy, [[1], [2, 3, 4, 5], [6], [7], [8, 9]], most=3)
    assert [len(found.result()) for found in made] == [1, 4, 1, 1, 2]
    assert busy.given == [[1], [2, 3, 4, 5], [6, 7], [8, 9]]


def test_one_that_cannot_be_answered_fails_alone() -> None:
    made = all_at_once(Busy(), [[1], [2], [13], [4]])
    assert [made[at].result() for at in (0, 1, 3)] == [[2], [4], [8]]
    with pytest.raises(ValueError, match="unlucky"):
        made[2].result()


def test_those_behind_one_that_is_interrupted_are_answered_all_the_same() -> None:
    made = all_at_once(Busy(), [[99], [2], [3]])
    assert [made[at].result() for at in (1, 2)] == [[4], [6]]
    with pytest.raises(KeyboardInterrupt):
        made[0].result()


def test_those_behind_one_that_does_not_wait_are_answered_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interrupted: list[BaseException] = [KeyboardInterrupt()]

    class Waiting(Event):
        def wait(self, timeout: float | None = None) -> bool:
            if interrupted:
                error = interrupted.pop()
                until(lambda: len(batches._line) == 3)
                raise error
            return super().wait(timeout or 10)

    busy = Busy()
    batches = DynamicBatches(busy)
    monkeypatch.setattr(dynamic_batching, "Event", Waiting)
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(batches, [1])
        assert busy.began.wait(10)
        second = threads.submit(batches, [2])
        until(lambda: len(batches._line) == 2)
        third = threads.submit(batches, [3])
        with pytest.raises(KeyboardInterrupt):
            second.result(10)
        busy.may.set()
        assert [first.result(10), third.result(10)] == [[2], [6]]
    assert busy.given == [[1], [3]]
