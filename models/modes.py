"""Modes: what recipes, tags and reports call the ways of transfer, and the controls beside them.

Each way says its own modes; the ways are found in their folder, so a new file there is all that a new mode takes.
"""

import functools
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from models.config import did_you_mean
from models.interfaces.downstream import Downstream
from models.interfaces.transfer import Transfer
from models.kinds import find, kinds
from models.outside import installed

CONTROLS = ("scratch", "baseline")
"""Modes that transfer is measured against; every other mode is one of transfer."""
REFERENCES = (*CONTROLS, "zero_shot")
"""What a model that has learnt from labels is measured against: the controls, and its untrained self."""


_brought: dict[str, type[Transfer]] = {}
"""Ways that recipes of this process bring along, by the path of each."""


@functools.cache
def ways() -> Mapping[str, type[Transfer]]:
    """Every way of transfer that every recipe has, by its kind, in the order in which they are listed."""
    names = [*kinds("models.transfer"), *installed(Transfer)]
    known: dict[str, Any] = {kind: find("models.transfer", kind, Transfer) for kind in names}
    return dict(sorted(known.items(), key=lambda item: (item[1].order, item[0])))


def bring(way: Transfer) -> None:
    """Know the modes of a way that a recipe brings along.

    Raises:
        ValueError: one of them is another way's.
    """
    for mode in way.modes:
        if modes().get(mode, way.kind) != way.kind:
            raise ValueError(f"{way.kind}: its mode '{mode}' is that of another way: give it another name")
    _brought[way.kind] = type(way)


def is_brought(mode: str) -> bool:
    """Whether only recipes that bring its way along have a mode."""
    return modes().get(mode) in _brought


def default(kind: str) -> Transfer:
    """A way as it is where nothing is said of it."""
    way = _every()[kind]
    return way.model_validate({"kind": installed(Transfer).get(kind, kind)})


def modes() -> dict[str, str | None]:
    """The kind of way behind each mode, None of the baseline; in the order in which modes are listed, controls last."""
    kind_of = {mode: kind for kind, way in _every().items() for mode in way.modes}
    transfer = {mode: kind for mode, kind in kind_of.items() if mode not in CONTROLS}
    return {**transfer, **{control: kind_of.get(control) for control in CONTROLS}}


def learns(mode: str) -> bool:
    """Whether something is learnt from labelled rows in a mode, and not only shown to a model."""
    kind = modes()[mode]
    return kind is None or default(kind).shows(mode) is None


def fitting(downstream: Downstream, decoder: bool) -> frozenset[str]:
    """The modes that mean something for a downstream with a model that reads from left to right, or with another."""
    known = _every()
    everywhere = {mode for mode, kind in modes().items() if kind is None or known[kind].everywhere}
    return downstream.modes(decoder) | everywhere


def _every() -> dict[str, type[Transfer]]:
    return {**ways(), **_brought}


def _known(mode: str) -> str:
    if mode not in modes():
        raise ValueError(f"unknown mode '{mode}'{did_you_mean(mode, list(modes()))}")
    return mode


class _Modes:
    """Which modes there are, for the JSON schema."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "enum": [mode for mode in modes() if not is_brought(mode)]}


Mode = Annotated[str, AfterValidator(_known), _Modes()]
"""The name of a mode."""
