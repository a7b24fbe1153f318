"""YAML 1.2 as plain values with the line each stands on and how it is written, and back.

`1e-3` is a number, `012` is twelve, and `yes`, `no` and `1:30` are the texts they look like. Dates are texts too: no
setting is a date. So is every key: a class may be named `010` or `true`, quoted or not.
"""

import io
import json
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML, MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.representer import SafeRepresenter

Place = tuple[str | int, ...]
"""Where a value stands: keys and list indices from the top."""

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_TEXTS = {f"{_TAG}{kind}" for kind in ("str", "timestamp", "value", "merge")}
_NUMBERS = {f"{_TAG}{kind}" for kind in ("int", "float", "bool", "null")}
_LINE_ENDS = set("\x85\u2028\u2029")
_BARE = re.compile(r"[\w./~][\w./*@+-]*( [\w./*@+-]+)*")
"""Texts that need no quotes, if they are not taken for a number or the like."""
_MOST = 100_000
"""Values in a text. A few aliases of aliases of aliases stand for more than memory holds."""
_CONTAINERS = {f"{_TAG}{kind}" for kind in ("map", "seq")}


class YamlError(ValueError):
    """What is wrong with a YAML text, and the line it is on, from 1, where that is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def parse(text: str) -> tuple[Any, dict[Place, int], dict[Place, str]]:
    """The value of a YAML text, the line of each key and list item, and how each number, true and false is written.
    No two places share a value, also where one is an alias of the other; what an alias or `<<` brings has the lines it
    was written on.

    Raises:
        YamlError: it is not YAML, a key stands twice, a value has a tag of its own, or there are far too many.
    """
    reader = _Reader()
    try:
        root = reader.yaml.compose(text)
        return (None if root is None else reader.value(root, ())), reader.lines, reader.written
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise YamlError(f"not YAML ({problem})", None if mark is None else mark.line + 1) from error
    except RecursionError as error:
        raise YamlError("nested too deeply, or an alias stands inside of what it names") from error


def dump(value: Any) -> str:
    """Plain values as YAML that `parse` reads back."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.allow_unicode, yaml.default_flow_style = True, False
    yaml.representer.sort_base_mapping_type_on_output = False
    text = io.StringIO()
    yaml.dump(value, text)
    return text.getvalue()


def inline(value: Any) -> str:
    """Plain values as they stand in a line of YAML that `parse` reads back."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{inline(str(key))}: {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, str) and _BARE.fullmatch(value) and parse(value)[0] == value:
        return value
    return json.dumps(value, ensure_ascii=False)


class _Representer(SafeRepresenter):
    """Quotes texts with rare line ends, which would be read back as spaces."""

    def represent_str(self, data: str) -> ScalarNode:
        return self.represent_scalar(f"{_TAG}str", data, style='"' if set(data) & _LINE_ENDS else None)


_Representer.add_representer(str, _Representer.represent_str)


class _Reader:
    """Walks the nodes of one text and notes on the way where values stand and how they are written."""

    def __init__(self) -> None:
        self.yaml = YAML(typ="safe", pure=True)
        self.lines: dict[Place, int] = {}
        self.written: dict[Place, str] = {}
        self._seen = 0

    def value(self, node: Node, place: Place) -> Any:
        self._count(node)
        if isinstance(node, MappingNode) and node.tag in _CONTAINERS:
            plain = {}
            for key, (line, item) in self._pairs(node).items():
                self.lines[*place, key] = line
                plain[key] = self.value(item, (*place, key))
            return plain
        if isinstance(node, SequenceNode) and node.tag in _CONTAINERS:
            for index, item in enumerate(node.value):
                self.lines[*place, index] = _line(item)
            return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        scalar = self._scalar(node)
        if not isinstance(scalar, str | None):
            self.written[place] = node.value
        return scalar

    def _pairs(self, node: MappingNode) -> dict[str, tuple[int, Node]]:
        """Line and value by key; a key of the mapping's own goes before one that `<<` brings."""
        merged: dict[str, tuple[int, Node]] = {}
        own: dict[str, tuple[int, Node]] = {}
        first: dict[str, int] = {}
        for key_node, item in node.value:
            self._count(key_node)
            self._scalar(key_node)  # what no value can be, no key can be
            key, line = key_node.value, _line(key_node)
            if key in first:
                raise YamlError(f"'{key}' stands twice, first on line {first[key]}", line)
            first[key] = line
            if key_node.tag == _MERGE:
                merged |= self._brought(item)
            else:
                own[key] = (line, item)
        return merged | own

    def _brought(self, node: Node) -> dict[str, tuple[int, Node]]:
        """What `<<` brings: a mapping's pairs, or those of several, the first of which goes before the others."""
        pairs: dict[str, tuple[int, Node]] = {}
        for part in node.value if isinstance(node, SequenceNode) else [node]:
            if not isinstance(part, MappingNode):
                raise YamlError("'<<' takes a mapping or a list of mappings", _line(part))
            pairs = self._pairs(part) | pairs
        return pairs

    def _count(self, node: Node) -> None:
        self._seen += 1
        if self._seen > _MOST:
            raise YamlError(f"more than {_MOST:,} values, with what its aliases stand for", _line(node))

    def _scalar(self, node: Node) -> Any:
        if isinstance(node, ScalarNode) and node.tag in _TEXTS:
            return node.value
        if not isinstance(node, ScalarNode) and node.tag in _CONTAINERS:
            raise YamlError("a key has to be a single value", _line(node))
        if node.tag not in _NUMBERS:
            raise YamlError(f"a value cannot have the tag {node.tag}", _line(node))
        try:
            return self.yaml.constructor.construct_object(node)
        except (ValueError, KeyError) as error:
            raise YamlError(f"'{node.value}' is no {node.tag.removeprefix(_TAG)}", _line(node)) from error


def _line(node: Node) -> int:
    return node.start_mark.line + 1
