"""Requests to a pretrained model: a text, and how it is to be answered."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import Field, ValidationError, field_validator

from models.config import Config
from models.errors import DataError
from models.prompting.prompts import room
from models.tokens.special import plain_text, token_id

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DIGITS = 5
_BEGIN, _WITHIN = ("▁", "Ġ"), "##"
"""What tokens that begin a word begin with, in SentencePiece and in bytes; and those within one, in WordPiece."""


class Request(Config):
    """What every pretrained model is asked."""

    text: str = Field(description="The text.")

    @field_validator("text")
    @classmethod
    def _has_letters(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("no text in field 'text'")
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ValueError("half a character in field 'text'")
        return value


R = TypeVar("R", bound=Request)


class Speaker(ABC, Generic[R]):
    """A pretrained model with its tokenizer; a subclass says what it answers."""

    request: ClassVar[type[Request]]
    """What it may be asked; fields beside the text have defaults."""
    example: ClassVar[str]
    """A text that it can be asked."""
    does: ClassVar[str]
    """What it answers, in a few words."""
    batched: ClassVar[bool] = True
    """See `models.interfaces.served.Served`."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer
        self.room, self.padding = room(model), token_id(tokenizer, "pad") or 0
        self._marked = any(token.startswith(_BEGIN) for token in tokenizer.get_vocab())

    @property
    def inputs(self) -> tuple[str, ...]:
        """The fields that a request needs."""
        return ("text",)

    def lacking(self, request: Mapping[str, Any]) -> str | None:
        """Why a request cannot be answered; None where it can."""
        try:
            self.check(self._read(request))
        except DataError as error:
            return str(error)
        return None

    def predict(self, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """One answer a request.

        Raises:
            DataError: a request cannot be answered.
        """
        read = []
        for number, request in enumerate(requests, start=1):
            if lacking := self.lacking(request):
                raise DataError(f"request {number}: {lacking}")
            read.append(self._read(request))
        return self.answer(read)

    def check(self, request: R) -> None:
        """
        Raises:
            DataError: a request that is well formed cannot be answered.
        """

    @abstractmethod
    def answer(self, requests: Sequence[R]) -> list[dict[str, Any]]:
        """One answer a request."""

    def piece(self, ids: Sequence[int]) -> tuple[bool, str]:
        """Whether tokens go on with the word before them, and their text."""
        first = str(self.tokenizer.convert_ids_to_tokens(ids[0]))
        begins = first.startswith(_BEGIN) if self._marked else not first.startswith(_WITHIN)
        return not begins, plain_text(self.tokenizer, ids).removeprefix(_WITHIN)

    def _read(self, request: Mapping[str, Any]) -> Any:
        """A request without fields nobody asked for, and those that a table leaves empty."""
        known = {name: request.get(name) for name in self.request.model_fields}
        given = {name: value for name, value in known.items() if not _empty(value)}
        if not isinstance(given.get("text"), str):
            raise DataError("no text in field 'text'")
        try:
            return self.request.model_validate(given)
        except ValidationError as error:
            found = error.errors()[0]
            reason = str(found["msg"]).removeprefix("Value error, ")
            place = str(found["loc"][0]) if found["loc"] else ""
            raise DataError(reason if place in ("text", "") else f"{place}: {reason}") from error


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
