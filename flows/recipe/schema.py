"""What a recipe may say as a JSON schema: for editors, which check and complete while one writes, and for `settings`.

All of it comes from the types themselves: a field that is new stands in it without a word here.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from flows.recipe.recipe import Recipe

Node = dict[str, Any]

FILE = Path(__file__).with_name("schema.json")
"""The schema for editors, as it comes with the package."""
_VARIABLE = r"\$\{\w+\}"
_NUMBERS = ("integer", "number", "boolean")


class _Plain(GenerateJsonSchema):
    """Titles that repeat a field's name are left out."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema() -> Node:
    """The fields of a recipe; parts that are picked by `kind` stand in `$defs` as all others do."""
    made = Recipe.model_json_schema(schema_generator=_Plain)
    shared: dict[str, Node] = made.pop("$defs")

    def share(node: Node) -> Node:
        """Parts picked by `kind` come as they are, as often as they are used."""
        if "oneOf" in node:
            node = node | {"oneOf": [_reference(item, shared) for item in node["oneOf"]]}
        return node

    made, done = _changed(made, share), {}
    while left := sorted(shared.keys() - done.keys()):  # what is shared may share more
        done |= {name: _changed(shared[name], share) for name in left}
    return made | {"$defs": dict(sorted(done.items()))}


def for_editors() -> str:
    """The schema of a recipe as it is written, where a variable may stand for a number, and `010` for a text."""
    made = _changed(schema(), _as_written)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A Headwater recipe"}
    return json.dumps(head | made, ensure_ascii=False, indent=1) + "\n"


def _reference(part: Node, shared: dict[str, Node]) -> Node:
    """A part picked by `kind`, which has to say its kind there."""
    name = part["$ref"].rpartition("/")[2] if "$ref" in part else part["title"]
    shared.setdefault(name, part)
    return {"$ref": f"#/$defs/{name}", "required": ["kind"]}


def _changed(node: Any, change: Callable[[Node], Node]) -> Any:
    """A schema with every schema in it changed; names of fields, defaults and choices are no schemas."""
    if isinstance(node, list):
        return [_changed(item, change) for item in node]
    if not isinstance(node, dict):
        return node
    changed = change(node)
    below = {
        key: {name: _changed(item, change) for name, item in value.items()}
        if key in ("properties", "$defs")
        else _changed(value, change)
        if key in ("anyOf", "oneOf", "items", "prefixItems", "additionalProperties")
        else value
        for key, value in changed.items()
    }
    return below


def _as_written(node: Node) -> Node:
    kind = node.get("type")
    if kind in _NUMBERS:
        return node | {"type": [kind, "string"], "pattern": _VARIABLE}
    if kind != "string" or "const" in node:
        return node
    if "enum" in node:
        rest = {key: value for key, value in node.items() if key not in ("type", "enum")}
        return rest | {"anyOf": [{"enum": node["enum"]}, {"pattern": _VARIABLE, "type": ["string", "null"]}]}
    pattern = {"pattern": f"{node['pattern']}|{_VARIABLE}"} if "pattern" in node else {}
    return node | {"type": ["string", "number", "boolean"], **pattern}
