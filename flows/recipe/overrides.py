"""Settings of one run, such as `--set upstreams.mlm.train.tokens=1000`: read, and put in place in a recipe's values."""

from collections.abc import Sequence
from typing import Any

from flows.recipe import yaml_text
from flows.recipe.yaml_text import Place, YamlError
from models.config import did_you_mean
from models.errors import RecipeError


def parse(settings: Sequence[str]) -> dict[str, Any]:
    """`a.b=value` texts as a mapping; values are read as YAML, so `[1, 2]`, `true` and `null` are what they seem.

    Raises:
        RecipeError: a setting has no `=`, or its value is not YAML.
    """
    overrides: dict[str, Any] = {}
    for setting in settings:
        dotted, equals, text = setting.partition("=")
        if not equals or not dotted.strip():
            raise RecipeError(f"--set {setting}: write it as dotted.path=value, such as seed=2")
        try:
            overrides[dotted.strip()] = yaml_text.parse(text)[0]
        except YamlError as error:
            raise RecipeError(f"--set {setting}: {error}") from error
    return overrides


def put(values: dict[str, Any], dotted: str, value: Any) -> Place:
    """Put one value in place, and say where that is; mappings on the way there are made where they are missing.

    Raises:
        RecipeError: the path leads nowhere.
    """
    *parents, last = dotted.split(".")
    here: Any = values
    place: Place = ()
    for part in parents:
        key = _key(here, part, dotted)
        if isinstance(here, dict) and here.get(key) is None:
            here[key] = {}
        if isinstance(here[key], str):  # the short form `mlm` of `{kind: mlm}`
            here[key] = {"kind": here[key]}
        place, here = (*place, key), here[key]
    key = _key(here, last, dotted)
    here[key] = value
    return (*place, key)


def _key(here: Any, part: str, dotted: str) -> str | int:
    """What `part` names in `here`: a key, or in a list an index or the name of an entry."""
    if isinstance(here, dict):
        return part
    if not isinstance(here, list):
        raise RecipeError(f"--set {dotted}: '{part}' leads nowhere, there is a single value above it")
    if part.isdecimal() and int(part) < len(here):
        return int(part)
    names = [name_of(item) for item in here]
    if part not in names:
        known = [name for name in names if name] or [str(index) for index in range(len(here))]
        raise RecipeError(f"--set {dotted}: no entry '{part}' in the list{did_you_mean(part, known)}")
    return names.index(part)


def name_of(item: Any) -> str:
    """The name of a list's entry: its `name`, else the kind of what it is about."""
    while isinstance(item, dict):
        if "name" in item:
            return str(item["name"])
        item = next((item[key] for key in ("kind", "downstream", "objective") if key in item), "")
    return str(item).rpartition(".")[2]
