"""Where in a recipe a setting belongs that stands in the wrong place."""

from collections.abc import Iterator, Mapping
from typing import Any

from flows.recipe.overrides import name_of
from flows.recipe.yaml_text import Place

Node = dict[str, Any]

_MOST = 4


def hint(key: str, values: Any, above: Place, whole: Node) -> str:
    """The paths in a recipe of these values at which there is a setting `key`, those below `above` if there are some;
    empty where there is none. `whole` is the JSON schema of recipes."""
    found = list(dict.fromkeys(_places(key, whole, values, (), whole)))
    start = ".".join(_named(above, values))
    paths = [path for path in found if path.startswith(f"{start}.")] or found
    if not paths:
        return ""
    more = f" ({len(paths) - _MOST} more: `headwater settings {key}`)" if len(paths) > _MOST else ""
    return f": did you mean {', '.join(paths[:_MOST])}?{more}"


def _named(place: Place, values: Any) -> Iterator[str]:
    """A place with entries by their names, as paths have them."""
    for part in place:
        values = values[part]
        yield _entry(part, values) if isinstance(part, int) else str(part)


def _entry(index: int, value: Any) -> str:
    return name_of(value) or str(index)


def _places(key: str, node: Node, value: Any, path: tuple[str, ...], whole: Node) -> Iterator[str]:
    """Paths of the setting below a node of the schema, of parts picked by `kind` those that `value` picks."""
    node = _resolved(node, whole)
    for item in node.get("anyOf", ()):
        yield from _places(key, item, value, path, whole)
    for item in node.get("oneOf", ()):
        kind = _resolved(item, whole)["properties"]["kind"].get("const")
        if kind == (value.get("kind") if isinstance(value, Mapping) else value):
            yield from _places(key, item, value, path, whole)
    if "items" in node and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _places(key, node["items"], item, (*path, _entry(index, item)), whole)
    for name, inner in node.get("properties", {}).items():
        if name == key:
            yield ".".join((*path, name))
        below = value.get(name) if isinstance(value, Mapping) else None
        yield from _places(key, inner, below, (*path, name), whole)


def _resolved(node: Node, whole: Node) -> Node:
    return whole["$defs"][str(node["$ref"]).rpartition("/")[2]] if "$ref" in node else node
