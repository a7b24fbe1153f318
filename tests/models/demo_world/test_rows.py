"""Rows of the invented world: each fits its downstream, and no row of one part comes again in another."""

from typing import Any

import polars as pl
import pytest

from models.demo_world import rows as world_rows
from models.demo_world.templates import fill
from models.demo_world.world import World
from models.interfaces.downstream import Downstream
from models.kinds import find

SIZES = {"train": 120, "validation": 30, "test": 50}


@pytest.fixture(scope="module")
def world() -> World:
    return World(1)


@pytest.mark.parametrize("view", sorted(world_rows.VIEWS))
def test_rows_fit_their_downstream_and_parts_share_none(world: World, view: str) -> None:
    made = list(world_rows.rows(world, 1, view, SIZES))
    assert made == list(world_rows.rows(World(1), 1, view, SIZES))
    found: Any = find("models.downstream", view, Downstream)
    rows = pl.DataFrame([row for _, row in made], infer_schema_length=None)
    found.model_validate({"kind": view}).schema().validate(rows, lazy=True)
    examples = [(part, {**row, "id": ""}) for part, row in made if part]
    assert {part: sum(part == own for own, _ in examples) for part in SIZES} == SIZES
    assert len({repr(row) for _, row in examples}) == len(examples)


def test_a_template_marks_its_values_and_adds_the_fitting_particle() -> None:
    text, spans = fill("{a:은/는} {b}에 산다.", {"a": "하늘", "b": "서울"})
    assert text == "하늘은 서울에 산다."
    assert [(slot, text[start:end]) for slot, start, end in spans] == [("a", "하늘"), ("b", "서울")]
