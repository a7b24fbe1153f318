"""A causal language model goes on with a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from models.answering.request import Request, Speaker
from models.errors import DataError
from models.prompting.prompts import tokens
from models.tokens.special import frame


class ContinueRequest(Request):
    """A text to go on with."""

    max_new_tokens: int = Field(default=32, ge=1, le=4096, description="Tokens to add at most.")
    temperature: float = Field(
        default=0.7,
        ge=0,
        le=10,
        description="0 takes the likeliest token each time; the higher, the more often one that is not.",
    )
    seed: int = Field(default=1, ge=0, description="The same seed draws the same words.")


class Continuing(Speaker[ContinueRequest]):
    """Adds a token at a time to a text, until it is likeliest to end there."""

    request: ClassVar[type[Request]] = ContinueRequest
    example: ClassVar[str] = "오늘 날씨가"
    does: ClassVar[str] = "goes on with a text"
    batched: ClassVar[bool] = False

    def check(self, request: ContinueRequest) -> None:
        if request.max_new_tokens >= self.room - 1:
            raise DataError(
                f"max_new_tokens: {request.max_new_tokens:,} leave no room for a text in the {self.room:,} tokens that "
                f"the model reads: ask for {self.room - 2:,} or less"
            )

    def answer(self, requests: Sequence[ContinueRequest]) -> list[dict[str, Any]]:
        """`text`, the whole, and `continuation`, what was added; what is drawn depends on no request beside it."""
        return [self._continued(request) for request in requests]

    def _continued(self, request: ContinueRequest) -> dict[str, Any]:
        import torch
        from transformers import GenerationConfig

        begin, end = frame(self.tokenizer)
        (ids,) = tokens(self.tokenizer, [request.text])
        # Of a text that is too long, what stands nearest to where it goes on.
        ids = [*begin, *ids[-(self.room - len(begin) - request.max_new_tokens) :]]
        settings = GenerationConfig(
            do_sample=request.temperature > 0,
            temperature=request.temperature or 1.0,
            max_new_tokens=request.max_new_tokens,
            eos_token_id=end,
            pad_token_id=end,
        )
        given = torch.tensor([ids], device=self.model.device)
        causal: Any = self.model
        # What is left open here would be filled in from the checkpoint's own settings.
        own, causal.generation_config = causal.generation_config, settings
        try:
            with torch.random.fork_rng(), torch.inference_mode():
                torch.manual_seed(request.seed)
                made = causal.generate(
                    given, attention_mask=torch.ones_like(given), generation_config=settings
                )
        finally:
            causal.generation_config = own
        within, added = self.piece(made[0, len(ids) :].tolist())
        between = "" if within or not added else " "
        return {"text": f"{request.text.rstrip()}{between}{added}", "continuation": added}
