"""Modes: what recipes, tags and reports call the ways of transfer, and the controls beside them.

Each way says its own modes; the ways are found in their folder, so a new file there is all that a new mode takes.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from models.config import did_you_mean
from models.interfaces.downstream import Downstream
from models.interfaces.transfer import Transfer
from models.kinds import find, kinds

CONTROLS = ("scratch", "baseline")
"""Modes that transfer is measured against; every other mode is one of transfer."""
REFERENCES = (*CONTROLS, "zero_shot")
"""What a model that has learnt from labels is measured against: the controls, and its untrained self."""


def ways() -> dict[str, type[Transfer]]:
    """Every way of transfer by its kind, in the order in which they are listed."""
    known: dict[str, Any] = {
        kind: find("models.transfer", kind, Transfer) for kind in kinds("models.transfer")
    }
    return dict(sorted(known.items(), key=lambda item: (item[1].order, item[0])))


def modes() -> dict[str, str | None]:
    """The kind of way behind each mode, None of the baseline; in the order in which modes are listed, controls last."""
    kind_of = {mode: kind for kind, way in ways().items() for mode in way.modes}
    transfer = {mode: kind for mode, kind in kind_of.items() if mode not in CONTROLS}
    return {**transfer, **{control: kind_of.get(control) for control in CONTROLS}}


def learns(mode: str) -> bool:
    """Whether something is learnt from labelled rows in a mode, and not only shown to a model."""
    kind = modes()[mode]
    return kind is None or ways()[kind].model_validate({}).shows(mode) is None


def fitting(downstream: Downstream, decoder: bool) -> frozenset[str]:
    """The modes that mean something for a downstream with a model that reads from left to right, or with another."""
    known = ways()
    everywhere = {mode for mode, kind in modes().items() if kind is None or known[kind].everywhere}
    return downstream.modes(decoder) | everywhere


def _known(mode: str) -> str:
    if mode not in modes():
        raise ValueError(f"unknown mode '{mode}'{did_you_mean(mode, list(modes()))}")
    return mode


class _Modes:
    """Which modes there are, for the JSON schema."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "enum": list(modes())}


Mode = Annotated[str, AfterValidator(_known), _Modes()]
"""The name of a mode."""
