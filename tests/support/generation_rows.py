"""Rows and tokenizers for the tests of generation."""

import polars as pl

from models.inference.inputs import Inputs


def table(pairs: dict[str, str]) -> pl.DataFrame:
    ids = [f"row-{number}" for number in range(len(pairs))]
    return pl.DataFrame({"id": ids, "prompt": list(pairs), "target": list(pairs.values())})


def gold(inputs: Inputs) -> pl.DataFrame:
    outputs = [inputs.downstream.oracle(feature) for feature in inputs.features]
    return inputs.downstream.decode(outputs, inputs.features, inputs.rows)


def asked(targets: list[str]) -> pl.DataFrame:
    ids = [f"row-{number}" for number in range(len(targets))]
    return pl.DataFrame({"id": ids, "prompt": ids, "target": targets})
