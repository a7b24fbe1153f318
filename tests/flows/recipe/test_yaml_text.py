"""YAML as plain values with lines: what is read, where it stands, and what is refused."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.recipe import documents, yaml_text
from flows.recipe.yaml_text import Place, YamlError
from models.errors import RecipeError

TEXTS = st.text(max_size=12) | st.sampled_from(
    [
        "",
        "~",
        "null",
        "yes",
        "on",
        "1e-3",
        "0o12",
        "012",
        "1_000",
        "1:30",
        "2026-11-26",
        "=",
        "<<",
        "- a",
        "a: b",
        "#",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
KEYS = st.text("가나다abc_ 12.-:<#", max_size=6)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def written(value: Any, place: Place = (), indent: str = "") -> Iterator[tuple[str, Place]]:
    """A value as lines of YAML, one a key or item, each with the place that stands on it."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        start = f"{indent}{key}:" if isinstance(value, dict) else f"{indent}-"
        if isinstance(item, int) or not item:
            yield f"{start} {item}", (*place, key)
        else:
            yield f"{start} !!{'map' if isinstance(item, dict) else 'seq'}", (*place, key)
            yield from written(item, (*place, key), indent + "  ")


@given(PLAIN)
def test_what_is_written_is_read_back_as_plain_values(value: Any) -> None:
    again, *_ = yaml_text.parse(yaml_text.dump(value))
    assert again == value
    assert repr(again) == repr(value)  # 1 is neither 1.0 nor True, and all types are Python's own


@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=3),
        st.recursive(
            st.integers(0, 9),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        min_size=1,
    ),
    st.integers(0, 3),
)
def test_every_key_and_item_has_its_line(value: dict[str, Any], blank: int) -> None:
    rows = list(written(value))
    again, lines, _ = yaml_text.parse("# a note\n\n" * blank + "\n".join(text for text, _ in rows))
    assert again == value
    assert lines == {place: 2 * blank + number for number, (_, place) in enumerate(rows, start=1)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2_000_000", 2_000_000),
        ("2.0e-3", 0.002),
        ("1e-3", 0.001),
        ("012", 12),
        ("0x1F", 31),
        (".5", 0.5),
        (".inf", math.inf),
        ("true", True),
        ("~", None),
        ("", None),
        ("yes", "yes"),
        ("off", "off"),
        ("1:30", "1:30"),
        ("2026-11-26", "2026-11-26"),
        ("2026-11-26 10:00:00", "2026-11-26 10:00:00"),
        ("=", "="),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
        (">-\n  one\n  line\n", "one line"),
        ("{1: a, ~: b}", {"1": "a", "~": "b"}),
    ],
)
def test_a_value_is_what_it_looks_like(text: str, value: Any) -> None:
    again, *_ = yaml_text.parse(text)
    assert (type(again), again) == (type(value), value)


@pytest.mark.parametrize(
    "text", ["010", "0x1F", "1_000", "1.50", "1e3", "+1", ".5", "-.inf", "true", "FALSE"]
)
def test_numbers_and_truths_are_known_as_they_are_written_and_keys_are_texts(text: str) -> None:
    value, _, written = yaml_text.parse(f"{text}: [{text}, '{text}', no, null]")
    assert written == {(text, 0): text}
    assert value[text][1:] == [text, "no", None]


def test_an_alias_is_a_copy_with_the_lines_it_was_written_on() -> None:
    value, lines, _ = yaml_text.parse("a: &how\n  rate: 1\nb: *how\n")
    value["a"]["rate"] = 2
    assert value == {"a": {"rate": 2}, "b": {"rate": 1}}
    assert lines == {("a",): 1, ("a", "rate"): 2, ("b",): 3, ("b", "rate"): 2}


def test_own_keys_go_before_merged_ones_and_the_first_merged_before_the_next() -> None:
    value, lines, _ = yaml_text.parse(
        "a: &a\n  x: 1\n  y: 1\nb: &b\n  y: 2\n  z: 2\nc:\n  z: 3\n  <<: [*a, *b]\n'<<': a key as any other\n"
    )
    assert value["c"] == {"x": 1, "y": 1, "z": 3}
    assert value["<<"] == "a key as any other"
    assert [lines["c", key] for key in "xyz"] == [2, 3, 8]


def _laughs(level: str, first: str = "[x]") -> str:
    """A few lines that stand for 7 ** 20 values."""
    return f"a0: &a0 {first}\n" + "".join(f"a{n}: &a{n} {level.format(f'a{n - 1}')}\n" for n in range(1, 21))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "not YAML"),
        ("a: 1\n\tb: 2\n", 2, "not YAML"),
        ("a: *nowhere\n", 1, "not YAML (found undefined alias 'nowhere')"),
        ("a: 1\n---\nb: 2\n", 2, "not YAML"),
        ("a: \x00\n", None, "not YAML"),
        ("a:\n  b: 1\n  b: 2\n", 3, "'b' stands twice, first on line 2"),
        ("{a: 1, a: 2}", 1, "'a' stands twice, first on line 1"),
        ("a: 1\n<<: [1]\n", 2, "'<<' takes a mapping or a list of mappings"),
        ("a: 1\n? [b]\n: 2\n", 2, "a key has to be a single value"),
        ("a: 1\nb: !secret x\n", 2, "a value cannot have the tag !secret"),
        ("a: 1\nb: !!str [x]\n", 2, "a value cannot have the tag"),
        ("a: 1\nb: !!set {x}\n", 2, "a value cannot have the tag"),
        ("a: 1\nb: !!int x\n", 2, "'x' is no int"),
        ("a: 1\nb: !!bool x\n", 2, "'x' is no bool"),
        ("a: &a\n  b: *a\n", None, "an alias stands inside of what it names"),
        ("a: &a\n  <<: *a\n", None, "an alias stands inside of what it names"),
        ("[" * 1500, None, "nested too deeply"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "a value cannot have the tag"),
        (_laughs("[*{0}, *{0}, *{0}, *{0}, *{0}, *{0}, *{0}]"), 1, "more than 100,000 values, with what"),
        (
            _laughs("{{<<: [*{0}, *{0}, *{0}, *{0}, *{0}, *{0}, *{0}]}}", "{x: 1}"),
            1,
            "more than 100,000 values",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int | None, message: str) -> None:
    with pytest.raises(YamlError) as error:
        yaml_text.parse(text)
    assert message in str(error.value)
    assert error.value.line == line


def test_a_file_that_never_ends_is_no_recipe() -> None:
    with pytest.raises(RecipeError, match=r"/dev/zero: larger than 10 MB"):
        documents.load(Path("/dev/zero"), {})
