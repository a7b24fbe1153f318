"""Dynamic batching: requests that come while others are being answered are answered together."""

from collections.abc import Callable, Sequence
from itertools import accumulate, islice
from threading import Event, Lock
from typing import Any

TOGETHER = 64
"""Rows of several requests that are answered at once: with more, the first would wait longer for no better a batch."""


class DynamicBatches:
    """A function of rows that several threads call at once, and that runs in one of them at a time.

    Who comes while it runs waits in line. The first in line answers those behind it as well, since rows take less time
    in one batch than one after the other.
    """

    def __init__(self, answer: Callable[[list[Any]], list[Any]], most: int = TOGETHER) -> None:
        self._answer, self._most = answer, most
        self._line: list[_Call] = []
        """Calls without an answer, in their order; the first is being answered."""
        self._changing = Lock()

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        """An answer to each row.

        Raises:
            Exception: what the function raises of these rows.
        """
        own = _Call(rows)
        with self._changing:
            self._line.append(own)
            first = self._line[0] is own
        if not first:
            self._wait(own)
        if own.made is None:
            self._lead(own)
        if isinstance(own.made, Exception):
            raise own.made
        assert own.made is not None, (
            "a call that is told and has no answer is the first in line, and makes it"
        )
        return own.made

    def _wait(self, own: "_Call") -> None:
        """Until it has its answers, or is the first in line."""
        try:
            own.told.wait()
        except BaseException:  # it asks no longer, and those behind it are not to wait for it to lead
            with self._changing:
                self._line = [call for call in self._line if call is not own]
                for call in self._line[:1]:
                    call.told.set()  # it leads already, or is to
            raise

    def _lead(self, own: "_Call") -> None:
        """Answers the first in line and those that go with it, and tells them, and who is then the first."""
        with self._changing:
            rows = accumulate(len(call.rows) for call in self._line)
            calls = self._line[: max(1, sum(count <= self._most for count in rows))]
        try:
            self._together(calls)
        finally:  # where this is interrupted, the others are still in line
            with self._changing:
                self._line = [call for call in self._line if call is not own and call.made is None]
                told = [call for call in calls if call.made is not None] + self._line[:1]
            for call in told:
                call.told.set()

    def _together(self, calls: Sequence["_Call"]) -> None:
        try:
            answers = iter(self._answer([row for call in calls for row in call.rows]))
            for call in calls:
                call.made = list(islice(answers, len(call.rows)))
        except Exception as error:  # noqa: BLE001  who asked is told, whatever it is
            if len(calls) == 1:
                calls[0].made = error
                return
            for call in calls:  # one of them is to blame, and the others are to have their answers
                self._together([call])


class _Call:
    """Rows that wait for their answers."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = rows
        self.made: list[Any] | Exception | None = None
        self.told = Event()
        """Set once it has been answered, or is the first in line."""
