"""Arguments that several commands take."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flows.cli import complete

RecipePath = Annotated[
    Path,
    typer.Argument(
        metavar="RECIPE",
        help="Path of a recipe, such as recipes/demo.yaml.",
        autocompletion=complete.recipes,
    ),
]
Only = Annotated[
    list[str],
    typer.Option(
        "--only",
        metavar="NAME,...",
        help="Entries or steps to run, with what they need.",
        autocompletion=complete.entries,
    ),
]
Settings = Annotated[
    list[str],
    typer.Option("--set", metavar="dotted.path=value", help="Change a setting for this run."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def names(only: Sequence[str]) -> list[str]:
    """`--only a,b --only c` as three names."""
    return [name.strip() for names in only for name in names.split(",") if name.strip()]
