"""`headwater settings`: every setting of a recipe with its meaning, its default and its bounds.

`python -m flows.commands.settings` writes the same as docs/settings.md, and the schema for editors.
"""

import difflib
import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from flows.recipe import schema
from flows.recipe.sections import Section, sections
from models.config import did_you_mean
from models.errors import RecipeError

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
_WIDTH = 78
_NEAR = 0.75
"""How much alike a word is to one of some hundred for it to be meant."""
_HEAD = """\
# Settings

Every setting of a recipe: what it takes, what it is where you say nothing, and what it means. `headwater settings`
prints the same, `headwater settings upstreams.train` or `headwater settings lora` a part of it.

Where a part is picked by `kind` (a downstream, a source, an objective), its own fields stand under its kind; a bare
`mlm` means `{kind: mlm}`. Numbers may be texts with `${VARIABLE}` in them, which is filled in from the environment.

This page is made from the code by `make docs`, and so is `flows/recipe/schema.json`: with the line

    # yaml-language-server: $schema=PATH/schema.json

on top of a recipe, editors that know YAML (VS Code with the YAML extension, say) complete and check it while you write.
`headwater settings --schema > schema.json` writes it beside a recipe of yours.
"""


def settings(part: str, *, as_json: bool, as_schema: bool) -> int:
    """Print the settings of a part, or all of them.

    Raises:
        RecipeError: there is no such part.
    """
    if as_schema:
        print(schema.for_editors(), end="")
        return 0
    found = named(sections(), part)
    if as_json:
        print(json.dumps([asdict(section) for section in found], ensure_ascii=False, indent=2))
    else:
        print("\n\n".join("\n".join(_as_text(section)) for section in found))
    return 0


def named(every: Sequence[Section], part: str) -> list[Section]:
    """What a path stands for: a part, or a field of one; words on the way may be left out.

    Raises:
        RecipeError: it stands for nothing.
    """
    asked = [word for word in part.split(".") if word]
    if not asked:
        return list(every)
    whole = [item for item in every if any(_leads(asked, path) for path in (item.path, *item.also))]
    exact = [item for item in whole if ".".join(asked) in (item.path, *item.also)]
    fields = [
        Section(item.path, item.about, own, item.also)
        for item in every
        if any(_leads(asked[:-1], path) for path in (item.path, *item.also)) or len(asked) == 1
        if (own := [setting for setting in item.settings if setting.name == asked[-1]])
    ]
    if found := exact or whole or fields:
        return found
    known = {path for item in every for path in (item.path, *item.also) if path}
    known |= {path.rpartition(".")[2] for path in known} | {
        setting.name for item in every for setting in item.settings
    }
    near = difflib.get_close_matches(part, sorted(known), n=1, cutoff=_NEAR)
    parts = ", ".join(dict.fromkeys(path.partition(".")[0] for path in (item.path for item in every) if path))
    listed = f": the parts are {parts}; `headwater settings` shows all of them"
    raise RecipeError(f"no setting '{part}'{did_you_mean(part, near) if near else listed}")


def _leads(asked: Sequence[str], path: str) -> bool:
    """Whether a path ends with what is asked for, and has the words before it in their order."""
    words = path.split(".") if path else []
    if not asked or not words or words[-1] != asked[-1]:
        return not asked
    left = iter(words)
    return all(word in left for word in asked)


def _as_text(section: Section) -> Iterator[str]:
    yield section.title
    yield from _wrapped(section.about, "  ")
    if section.also:
        yield from _wrapped(f"Also: {', '.join(section.also)}", "  ")
    for setting in section.settings:
        yield ""
        yield from _wrapped(f"{setting.name}: {setting.form}", "  ")
        yield from _wrapped(setting.about, "      ")


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)


def page() -> str:
    """All of it as docs/settings.md."""
    return "\n".join([_HEAD, *("\n".join(_as_markdown(section)) for section in sections())])


def _as_markdown(section: Section) -> Iterator[str]:
    yield f"## {section.title}"
    yield ""
    yield section.about
    if section.also:
        yield f"The same at {', '.join(f'`{path}`' for path in section.also)}."
    yield ""
    for setting in section.settings:
        yield f"- **`{setting.name}`** ({setting.form}): {setting.about}"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    schema.FILE.write_text(schema.for_editors(), encoding="utf-8")
