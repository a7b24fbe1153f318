"""What a process keeps for whoever asks for the same: no more than it may, and nothing that one could spoil for the
next."""

import os
from pathlib import Path

from models.memo import Memo, known


def test_it_holds_no_more_than_there_is_room_for_and_what_was_used_last() -> None:
    memo, made = Memo(100), []

    def ask(name: str, size: int) -> str:
        return memo.once(name, lambda: made.append(name) or name, lambda _: size)

    for name in ("a", "b", "a", "c", "a", "b"):
        assert ask(name, 40) == name
        assert memo.taken <= 100
    assert made == ["a", "b", "c", "b"], "b was asked for longest ago when c came"
    assert ask("whole", 101) == ask("whole", 101) == "whole"
    assert made[4:] == ["whole", "whole"], "there is no room for it at all"
    assert ask("a", 40) == "a" and made[6:] == [], "and nothing went for it"


def test_who_may_change_what_is_kept_changes_his_own_alone() -> None:
    memo = Memo(100)
    for _ in range(3):
        mine = memo.own("list", lambda: [1, 2], len)
        assert mine == [1, 2]
        mine.append(3)


def test_without_room_nothing_is_kept() -> None:
    memo = Memo()
    first, second = (memo.once("key", lambda: [1], len) for _ in range(2))
    assert first is not second and memo.taken == 0


def test_files_are_known_by_what_is_in_them(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_text("a")
    large.write_bytes(b"a" * 20_000)
    before = known(tmp_path)
    elsewhere = tmp_path.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "small").write_text("a")
    os.link(large, elsewhere / "large")  # as a store keeps equal files
    assert known(elsewhere) == before
    (elsewhere / "small").write_text("b")
    assert known(elsewhere) != before
    (elsewhere / "small").write_text("a")
    (elsewhere / "large").unlink()
    (elsewhere / "large").write_bytes(b"b" * 20_000)
    assert known(elsewhere) != before == known(tmp_path)
