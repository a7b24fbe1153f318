"""An encoder without a head for words, such as E5, gives a text's vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from models.answering.request import DIGITS, Request, Speaker
from models.backbone.embedding import vectors
from models.inference.inputs import batches, bearable
from models.interfaces.features import texts_batch


class Vectors(Speaker[Request]):
    """Says where a text lies among others: the nearer two vectors, the more alike the texts are to the model."""

    request: ClassVar[type[Request]] = Request
    example: ClassVar[str] = "오늘 날씨가 좋다"
    does: ClassVar[str] = "gives a text's vector"

    def answer(self, requests: Sequence[Request]) -> list[dict[str, Any]]:
        """`vector`, of length 1: the mean over all tokens."""
        import torch

        texts = [request.text for request in requests]
        ids = (
            self.tokenizer(texts, truncation=True, max_length=self.room, verbose=False)["input_ids"]
            if texts
            else []
        )
        found: dict[int, list[float]] = {}
        for chosen in batches([len(item) for item in ids], padding=bearable(self.model.device)):
            batch = texts_batch([ids[number] for number in chosen], self.padding)
            with torch.inference_mode():
                moved = {name: tensor.to(self.model.device) for name, tensor in batch.items()}
                model: Any = self.model.base_model
                made = vectors(model, moved["input_ids"], moved["attention_mask"], "mean")
            found |= zip(chosen, made.cpu().tolist(), strict=True)
        return [{"vector": [round(value, DIGITS) for value in found[at]]} for at in range(len(texts))]
