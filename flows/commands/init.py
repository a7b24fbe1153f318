"""`headwater init`: a folder for a project of one's own, with a recipe that fits the files given."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from flows import terminal
from flows.commands.drafting import SCHEMA, Draft
from flows.commands.looking import MOST, Labelled, labelled
from flows.commands.texts import Texts, texts
from flows.own_code import ROOT
from flows.recipe.recipe import Recipe
from models.data import splits
from models.data.counts import so_many
from models.errors import RecipeError
from models.guessing.lengths import longest

_NO_NAME = re.compile(r"[^A-Za-z0-9가-힣_.-]+")


def init(folder: Path, labels: Sequence[str], text: Sequence[str]) -> int:
    """Write the files of a project into a folder, say what was guessed, and what to do next; gives the exit code.

    Nothing that is there is written over.

    Raises:
        RecipeError: a file cannot be used, or there is a recipe already that the files would have to be put into.
    """
    if (labels or text) and (folder / "recipe.yaml").exists():
        raise RecipeError(
            f"{folder / 'recipe.yaml'} is there already, and is not written over: name another folder, or move it away"
        )
    if folder.exists() and not folder.is_dir():
        raise RecipeError(f"{folder} is a file: name a folder")
    rows = labelled([path for pattern in labels for path in _paths(pattern)]) if labels else None
    corpus = texts(text) if text else None
    folder.mkdir(parents=True, exist_ok=True)
    draft = Draft(folder, _name(folder), rows, corpus)
    made = draft.files()
    schema = ROOT / "flows" / "recipe" / "schema.json"
    if schema.is_file():
        made[SCHEMA] = schema.read_text(encoding="utf-8")
    for line in _guessed(rows, corpus):
        print(terminal.printable(line))
    for name, content in made.items():
        print(_write(folder / name, content))
    recipe = Recipe.load(folder / "recipe.yaml")
    recipe.check()
    print(_next(folder, recipe))
    return 0


def _paths(pattern: str) -> list[Path]:
    """What a path or pattern names; a folder is for itself."""
    from tasks.reading.source import matches

    return matches(pattern, "--labels")


def _write(path: Path, content: str) -> str:
    """Write a file that is not there, and say what was done."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        return f"there     {path}, left as it is"
    return f"written   {path}"


def _name(folder: Path) -> str:
    """A recipe's name from that of its folder."""
    return _NO_NAME.sub("-", folder.resolve().name).strip("-_.")[:60] or "project"


def _guessed(rows: Labelled | None, corpus: Texts | None) -> Iterator[str]:
    """What was seen, a line each."""
    if rows is not None:
        guess = rows.guess
        for part, paths in rows.parts.items():
            named = f"{part}: " if part else ""
            yield f"rows      {named}{', '.join(f'{path}' for path in paths)}"
        parsed = rows.source.model_dump(
            mode="json", exclude_defaults=True, exclude={"kind", "paths", "train", "path"}
        )
        how = ", ".join(f"{name} {value!r}" for name, value in parsed.items())
        yield f"format    {rows.source.kind}{f' ({how})' if how else ''}"
        if "train" in rows.parts:
            yield f"parts     {splits.told(rows.parts)}"
        yield f"task      {guess.kind}, {_amount(rows)}"
        for name in (*guess.reads, *guess.gold):
            made = guess.made_of(name)
            yield f"{name:<9} {made if isinstance(made, str) else ' + '.join(made)}"
        if guess.group:
            yield f"group     {guess.group}: its rows stay in one part"
        yield f"length    about {longest(rows.texts, 0.5)} tokens, one in twenty more than {longest(rows.texts)}"
        yield from _classes(rows)
        if rows.rejected:
            kinds = ", ".join(f"{name} {count:,}" for name, count in rows.rejected.most_common(5))
            yield f"bad       {so_many(rows.rejected.total(), 'row')} to be set aside: {kinds}"
        if rows.mostly_wrong:
            yield f"          that is much, most often '{rows.mostly_wrong}': look at the files before you run"
        if rows.repeated:
            yield f"repeated  {so_many(rows.repeated, 'row')} with the text of another"
    if corpus is not None:
        amount = f"{so_many(len(corpus.texts), 'text')} in {so_many(corpus.files, 'file')}"
        yield f"corpus    {amount}, about {corpus.tokens:,} tokens to pretrain on"
    elif rows is not None:
        yield "corpus    none given (--text): a small model is pretrained on the texts of the rows themselves"


def _amount(rows: Labelled) -> str:
    """How many rows were looked at; of several files, those of the first to train on."""
    more = " or more" if rows.read >= MOST else ""
    files = sum(map(len, rows.parts.values()))
    where = f" in {rows.looked_at.name}" if files > 1 else ""
    passages = sum(bool(row.get("passage")) for row in rows.rows)
    kinds = f": {len(rows.rows) - passages:,} queries and {passages:,} passages" if passages else ""
    return f"{rows.read:,}{more} rows{where}{kinds}"


def _classes(rows: Labelled) -> Iterator[str]:
    if not rows.classes:
        return
    (most, many), (least, few) = rows.classes.most_common(1)[0], rows.classes.most_common()[-1]
    yield f"classes   {len(rows.classes)}: {most} {many:,} rows … {least} {few:,}"
    if rows.unbalanced:
        yield "          unbalanced: rare classes are given more weight (balance), macro F1 counts"


def _next(folder: Path, recipe: Recipe) -> str:
    lines = [f"cd {folder}"] if folder.resolve() != Path.cwd() else []
    lines += [
        "headwater plan recipe.yaml     # what would run, and for how long",
        "headwater run recipe.yaml",
        "headwater up                   # Prefect and MLflow in the browser, with a schedule to switch on",
    ]
    lines += [f"headwater predict {recipe.name}-{entry.name}@champion …" for entry in recipe.downstreams]
    return "\nNext:\n" + "\n".join(f"  {line}" for line in lines)
