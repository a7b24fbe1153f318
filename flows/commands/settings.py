"""`headwater settings`: every setting of a recipe with its meaning, its default and its bounds.

`python -m flows.commands.settings` writes the same as docs/settings.md, and the schema for editors.
"""

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flows.recipe import schema, yaml_text
from flows.recipe.schema import Node
from models.config import did_you_mean
from models.errors import RecipeError

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
_WIDTH = 78
_PART = "a part of its own"
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
_WORDS = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


@dataclass(frozen=True)
class Setting:
    """One field."""

    name: str
    takes: str
    default: str | None
    """As it would be written; None where it has to be given, or is filled in."""
    needed: bool
    about: str

    @property
    def form(self) -> str:
        """What it takes, and what it is by default."""
        default = "needed" if self.needed else "" if self.default is None else f"{self.default} by default"
        return "; ".join(part for part in (self.takes, default) if part)


@dataclass
class Section:
    """The fields of one part, by the path of the first place where it stands."""

    path: str
    about: str
    settings: list[Setting]
    also: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Its path; the recipe itself has none."""
        return self.path or "recipe"


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


def sections() -> list[Section]:
    """Every part of a recipe, each once."""
    whole = schema.schema()
    found: dict[str, Section] = {}

    def visit(node: Node, path: str) -> None:
        name, node = _resolved(node, whole)
        node = next((item for item in node.get("anyOf", ()) if "properties" in item), node)
        if "properties" not in node:
            return
        if name in found:
            found[name].also.append(path)
            return
        about = " ".join(str(node.get("description", "")).split("\n\n")[0].split())
        fields = {key: item for key, item in node["properties"].items() if "const" not in item}
        needed = node.get("required", ())
        section = Section(
            path, about, [_setting(key, item, key in needed, whole) for key, item in fields.items()]
        )
        found[name] = section
        for key, item in fields.items():
            for kind, inner in _parts(item):
                visit(inner, ".".join(word for word in (path, key, kind) if word))

    def _parts(node: Node) -> Iterator[tuple[str, Node]]:
        """Parts that a field holds, each with its kind where it is picked by one."""
        if "$ref" in node:
            yield "", node
        for key in ("items", "additionalProperties"):
            if isinstance(node.get(key), dict):
                yield from _parts(node[key])
        for item in node.get("anyOf", ()):
            yield from _parts(item)
        for item in node.get("oneOf", ()):
            yield _kind(item, whole), item

    visit(whole, "")
    return list(found.values())


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
    hint = did_you_mean(part, sorted(known))
    raise RecipeError(
        f"no setting '{part}'{hint if 'mean' in hint else '; `headwater settings` shows all of them'}"
    )


def _leads(asked: Sequence[str], path: str) -> bool:
    """Whether a path ends with what is asked for, and has the words before it in their order."""
    words = path.split(".") if path else []
    if not asked or not words or words[-1] != asked[-1]:
        return not asked
    left = iter(words)
    return all(word in left for word in asked)


def _resolved(node: Node, whole: Node) -> tuple[str, Node]:
    name = str(node.get("$ref", "")).rpartition("/")[2]
    return name, whole["$defs"][name] if name else node


def _kind(node: Node, whole: Node) -> str:
    return str(_resolved(node, whole)[1]["properties"]["kind"].get("const", ""))


def _setting(name: str, node: Node, needed: bool, whole: Node) -> Setting:
    about = node.get("description") or _resolved(node, whole)[1].get("description", "")
    takes = " or ".join(dict.fromkeys(_takes(node, whole)))
    default = node.get("default")
    shown = "default" in node and default is not None and not _is_part(node)
    return Setting(
        name,
        takes,
        _written(default) if shown else None,
        needed,
        " ".join(str(about).split("\n\n")[0].split()),
    )


def _is_part(node: Node) -> bool:
    return "$ref" in node or any("$ref" in item for item in node.get("anyOf", ()))


def _written(value: Any) -> str:
    """A value as a recipe has it, on one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_written(item)}' for key, item in value.items())}}}"
    return '""' if value == "" else yaml_text.dump(value).removesuffix("...\n").strip()


def _takes(node: Node, whole: Node) -> Iterator[str]:
    """What may stand there, in words."""
    bounds = ", ".join(f"{words} {_number(node[name])}" for name, words in _BOUNDS.items() if name in node)
    kind = node.get("type")
    if "enum" in node or "const" in node:
        yield " | ".join(map(_written, node.get("enum", [node.get("const")])))
    elif "$ref" in node:
        yield _PART
    elif kind == "array":
        items = node.get("prefixItems") or [node.get("items", {})]
        inner = " or ".join(dict.fromkeys(words for item in items for words in _takes(item, whole)))
        yield f"list of {inner.replace(_PART, 'parts')}" + (", not empty" if node.get("minItems") else "")
    elif kind == "object":
        inner = node.get("additionalProperties")
        yield "mapping" + (f" to {' or '.join(_takes(inner, whole))}" if isinstance(inner, dict) else "")
    elif kind in _WORDS:
        yield f"{_WORDS[kind]}{', ' if bounds else ''}{bounds}"
    for item in node.get("oneOf", ()):
        yield _kind(item, whole)
    union = [item for item in node.get("anyOf", ()) if item.get("type") != "null"]
    picked = next((item for item in union if "oneOf" in item), None)
    if picked is not None:
        yield f"kind: {' | '.join(_takes(picked, whole))}"
        return
    for item in union:
        yield from _takes(item, whole)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


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
