"""What is served: a model that answers requests, whatever it is and however it came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol


class Served(Protocol):
    """A loaded model that takes requests as mappings and gives answers as JSON-able mappings."""

    batched: ClassVar[bool]
    """Whether requests take less time together than one after the other."""

    @property
    def inputs(self) -> Sequence[str]:
        """The fields of a request that it needs; all are texts."""
        ...

    def lacking(self, request: Mapping[str, Any]) -> str | None:
        """Why a request cannot be answered; None where it can."""
        ...

    def predict(self, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """One answer a request.

        Raises:
            DataError: a request cannot be answered.
        """
        ...
