"""The settings of a recipe, part by part, as its JSON schema has them: for people to read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flows.recipe import schema, yaml_text
from flows.recipe.schema import Node

_PART = "a part of its own"
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
    written = yaml_text.dump(value).removesuffix("...\n").strip()
    return (
        f'"{value}"' if value == "" or (written == value and not any(map(str.isalnum, written))) else written
    )


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
    elif kind == "object" and "kind" in node.get("required", ()):
        yield "mapping with its kind"
    elif kind == "object":
        inner = node.get("additionalProperties")
        yield "mapping" + (f" to {' or '.join(_takes(inner, whole))}" if isinstance(inner, dict) else "")
    elif "format" in node:
        yield f"path of {node['format']}"
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
