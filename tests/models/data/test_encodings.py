"""Another encoding is recognised by what a file holds, and dirt is not taken for one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.encodings import check_encoding, check_form, guessed
from models.errors import RecipeError

KOREAN = "".join(f"오늘 영화 {number}는 ㅋㅋ 정말 재미있었다.\n" for number in range(60))
WESTERN = "".join(f"Ça été un café à l’école n° {number}\n" for number in range(30))
CHINESE = "".join(f"今天的电影很好看{number}\n" for number in range(30))


@pytest.mark.parametrize(
    ("text", "written", "named"),
    [
        (KOREAN, "utf-8", None),
        (KOREAN, "utf-8-sig", None),
        (KOREAN, "cp949", "cp949"),
        (KOREAN.replace("\n", "\r"), "euc-kr", "cp949"),
        (KOREAN.replace("\n", " "), "cp949", "cp949"),
        (KOREAN, "utf-16", "utf-16"),
        (KOREAN, "utf-32", "utf-32"),
        (KOREAN, "utf-16-le", "utf-16-le"),
        ("가나다라마\n" * 9, "utf-16-be", "utf-16-be"),
        (WESTERN, "cp1252", "cp1252"),
        ("It’s “so”.\n" * 9, "cp1252", "cp1252"),
        (CHINESE, "gbk", ""),
    ],
)
@pytest.mark.parametrize("before", ["", "plain ascii\n" * 100_000])
def test_an_encoding_is_named(
    tmp_path: Path, text: str, written: str, named: str | None, before: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes((before + text).encode(written))
    if named is None:
        check_encoding(path, "utf-8")
        return
    looks = f"it looks like {named}: set encoding: {named} in" if named else "set encoding: NAME in"
    with pytest.raises(RecipeError, match=f"a.txt is not UTF-8.? {looks}"):
        check_encoding(path, "utf-8")
    if named:
        check_encoding(path, named)


@pytest.mark.parametrize("given", ["cp949", "latin-1", "utf-16"])
def test_utf_8_that_is_read_as_something_else_is_named(tmp_path: Path, given: str) -> None:
    (tmp_path / "a.txt").write_text(KOREAN, encoding="utf-8")
    if given == "utf-16":
        check_encoding(tmp_path / "a.txt", given)  # which is not told by lines; reading it fails
        return
    with pytest.raises(RecipeError, match="it looks like utf-8"):
        check_encoding(tmp_path / "a.txt", given)


def test_one_long_line_may_be_cut_inside_a_letter(tmp_path: Path) -> None:
    for start in ("[", "[ ", "[  "):
        (tmp_path / "a.json").write_text(start + '"가나",' * 100_000, encoding="utf-8")
        check_encoding(tmp_path / "a.json", "utf-8")


@given(st.lists(st.text(min_size=1).filter(lambda line: not line.isascii()), min_size=1), st.data())
def test_fewer_bad_lines_than_good_ones_are_dirt(good: list[str], data: st.DataObject) -> None:
    dirt = data.draw(st.lists(st.just(b"\xb0\xa1"), max_size=len(good)))
    lines = [line.encode("utf-8", "ignore").replace(b"\n", b"").replace(b"\r", b"") for line in good]
    assert guessed(b"\n".join([*lines, *dirt, b""]), "utf-8") is None


@pytest.mark.parametrize(
    ("begin", "what"),
    [
        (b"PK\x03\x04", "a zip archive: unpack it, .* CSV"),
        (b"\xd0\xcf\x11\xe0", "a file of an old Excel .* save it as CSV"),
        (b"\x00" * 257 + b"ustar", "a tar archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    ],
)
def test_files_of_other_programs_are_named(tmp_path: Path, begin: bytes, what: str) -> None:
    (tmp_path / "a.csv").write_bytes(begin + b"...")
    with pytest.raises(RecipeError, match=f"a.csv is {what}"):
        check_form(tmp_path / "a.csv")
