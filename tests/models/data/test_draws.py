"""Label draws: nested, balanced as far as rows allow, and blind to the order of the rows."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from models.data.draws import draw


def rows(labels: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {"id": [f"r{number}" for number in range(len(labels))], "label": labels},
        schema_overrides={"label": pl.String},
    )


LABELS = st.lists(st.sampled_from("abc"), min_size=1, max_size=60)


@given(LABELS, st.integers(1, 60), st.integers(1, 60), st.integers(0, 5))
def test_a_smaller_draw_is_part_of_a_larger_one(labels: list[str], one: int, other: int, seed: int) -> None:
    small, large = (draw(rows(labels), count, seed, "label") for count in sorted((one, other)))
    assert large["id"].to_list()[: small.height] == small["id"].to_list()


@given(LABELS, st.integers(1, 60), st.integers(0, 5))
def test_classes_differ_by_one_row_at_most_unless_a_class_runs_out(
    labels: list[str], count: int, seed: int
) -> None:
    frame = rows(labels)
    drawn = draw(frame, count, seed, "label")
    assert drawn.height == min(count, frame.height)
    have = {name: frame.filter(label=name).height for name in set(labels)}
    got = {name: drawn.filter(label=name).height for name in have}
    most = max(got.values())
    assert all(got[name] >= min(have[name], most - 1) for name in have)


@given(LABELS, st.integers(1, 60), st.randoms())
def test_the_order_of_the_rows_does_not_matter(labels: list[str], count: int, random) -> None:
    frame = rows(labels)
    shuffled = frame[random.sample(range(frame.height), frame.height)]
    assert draw(frame, count, 1, "label").equals(draw(shuffled, count, 1, "label"))


def test_seeds_draw_different_rows_and_none_means_all() -> None:
    frame = rows(["a", "b"] * 100)
    assert draw(frame, 20, 1, "label")["id"].to_list() != draw(frame, 20, 2, "label")["id"].to_list()
    assert sorted(draw(frame, None, 1)["id"]) == sorted(frame["id"])
    assert sorted(draw(frame, 1000, 1, "label")["id"]) == sorted(frame["id"])
