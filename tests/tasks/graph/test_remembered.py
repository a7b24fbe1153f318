"""Facts that are kept for other processes."""

import os
from pathlib import Path

import pytest

from tasks.graph.remembered import Remembered
from tasks.storage import cache


def test_what_a_kill_leaves_of_a_draft_is_known_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    facts = Remembered("facts", "stamp")

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    assert facts.of("key", lambda: 1) == 1
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", kill)
        with pytest.raises(KeyboardInterrupt):
            facts.keep()
    (draft,) = cache.drafts()
    assert draft.read_text() and Remembered("facts", "stamp").of("key", lambda: 2) == 2
