"""What the shell offers when Tab is pressed. Nothing here imports much or asks a server: it has to be there at once."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import typer


def recipes(incomplete: str) -> list[str]:
    """YAML files, and folders on the way to some."""
    folder = Path(incomplete).parent if not incomplete.endswith("/") else Path(incomplete)
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    shown = (f"{path}/" if path.is_dir() else str(path) for path in found if _may_be_recipe(path))
    return [path for path in shown if path.startswith(incomplete.removeprefix("./"))]


def entries(context: typer.Context, incomplete: str) -> list[str]:
    """Entries of the recipe on the command line, and steps; after a comma the next."""
    before, comma, last = incomplete.rpartition(",")
    from tasks.graph.step import step_names

    # An option that still lacks its value keeps arguments from being told apart.
    recipe = context.params.get("recipe") or next(iter(context.args), None)
    names = [*_names(recipe), *step_names()]
    return [f"{before}{comma}{name}" for name in dict.fromkeys(names) if name.startswith(last)]


def registered(incomplete: str) -> list[str]:
    """Registered models of this home, each with its aliases; those of a server of one's own are not asked for."""
    from tasks.environment import home

    database = home() / "mlflow.db"
    if not database.is_file():
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=0.2)) as store:
        rows = store.execute("select name, alias from registered_model_aliases order by 1, 2").fetchall()
        names = [name for (name,) in store.execute("select name from registered_models order by 1")]
    every = [*(f"{name}@{alias}" for name, alias in rows), *names]
    return [name for name in every if name.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """Registered models by their bare names."""
    return [name for name in registered(incomplete) if "@" not in name]


def parts(incomplete: str) -> list[str]:
    """Parts of a recipe, and kinds."""
    from flows.recipe.sections import sections

    paths = [path for section in sections() for path in (section.path, *section.also) if path]
    words = dict.fromkeys([*paths, *(path.rpartition(".")[2] for path in paths)])
    return [word for word in words if word.startswith(incomplete)]


def _may_be_recipe(path: Path) -> bool:
    return not path.name.startswith(".") and (path.is_dir() or path.suffix in (".yaml", ".yml"))


def _names(recipe: Any) -> Iterator[str]:
    """Names of a recipe's entries; none of one that cannot be read."""
    from flows.recipe.documents import load
    from flows.recipe.overrides import name_of
    from models.errors import HeadwaterError

    try:
        values = load(Path(recipe), {}).value if recipe else {}
    except (HeadwaterError, OSError):
        return
    for part in ("upstreams", "downstreams"):
        for entry in values.get(part) or ():
            if name := name_of(entry):
                yield name
