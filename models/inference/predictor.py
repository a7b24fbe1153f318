"""A trained model that answers."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Self

import numpy as np
import polars as pl
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from models.backbone.unpadded import unpadded
from models.inference.inputs import Inputs, outputs
from models.interfaces.downstream import Downstream
from models.interfaces.features import Feature
from models.tokens.tokenizer import load_tokenizer

_ONE = RLock()
"""Held while a model is asked: `unpadded` prepares it, and its architecture, for one batch after the other."""


@dataclass(frozen=True)
class HeadPredictor:
    """A model that was trained, with its tokenizer."""

    downstream: Downstream
    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    draws: int = 1
    reads_apart: bool = True
    dropped: Mapping[str, int] = field(default_factory=dict)
    reading: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path, downstream: Downstream, device: str) -> Self:
        """From the folder of an adapted model."""
        return cls.of(folder / "model", load_tokenizer(folder / "model"), downstream, device)

    @classmethod
    def of(cls, model: Path, tokenizer: PreTrainedTokenizerBase, downstream: Downstream, device: str) -> Self:
        """From the folder of a model alone."""
        from models.backbone.heads import load
        from models.training.hardware import hardware

        return cls(downstream, tokenizer, load(model, downstream).to(hardware(device).device))

    def outputs(
        self,
        rows: pl.DataFrame,
        labelled: bool,
        draw: int = 0,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[Sequence[Feature], list[np.ndarray]]:
        """See `models.interfaces.transfer.Predictor`."""
        inputs = Inputs(self.downstream, self.tokenizer, rows, labelled)
        self.reading.update(self.downstream.reading(inputs.features))
        # Of one text nothing is padding, and who asks for it waits for the answer.
        with _ONE, unpadded(self.model) if rows.height > 1 else nullcontext():
            return inputs.features, outputs(self.model, inputs, on_progress=on_progress)[0]
