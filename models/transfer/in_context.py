"""Without learning: a pretrained model is asked, and shown a few labelled rows or none.

No weight is updated. What is asked, and how the answer is read, is the downstream's business (`Downstream.ask`). A
score is that of several draws of demonstrations, never of a lucky one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from models.interfaces.asked import IN_CONTEXT, Asked
from models.interfaces.downstream import Downstream
from models.interfaces.transfer import Predictor, Problem, Progress, Transfer, Tuned
from models.late import np, pl

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from models.interfaces.features import Feature

SHOWN = "demonstrations.parquet"
"""The rows that are shown, with the number of their draw."""


class InContext(Transfer):
    """The model is asked as it is."""

    kind: Literal["in_context"] = "in_context"
    modes: ClassVar[tuple[str, ...]] = IN_CONTEXT
    order: ClassVar[int] = 90
    everywhere: ClassVar[bool] = False
    shots: int = Field(default=8, ge=2, description="Training rows that few_shot shows, in all.")
    draws: int = Field(
        default=3, ge=1, description="Draws of demonstrations; the score is their mean, with an interval."
    )

    def shows(self, mode: str) -> int:
        return {"zero_shot": 0, "one_shot": 1, "few_shot": self.shots}[mode]

    def carry(self, problem: Problem, on_progress: Progress) -> Tuned:
        """Draws the demonstrations; the model stays as it is."""
        from models.tokens.tokenizer import load_tokenizer

        assert problem.fresh is None, "only a pretrained model is asked"
        draws = (
            [problem.train] if problem.train.is_empty() else [problem.draw(at) for at in range(self.draws)]
        )
        shown = [frame.with_columns(draw=pl.lit(at)) for at, frame in enumerate(draws)]
        path = problem.folder / SHOWN
        pl.concat(shown).write_parquet(path, compression="zstd")
        tokenizer = load_tokenizer(problem.source)
        return Tuned({"model": problem.source, SHOWN: path}, {}, {}, 0, [], [], tokenizer)

    def load(self, folder: Path, downstream: Downstream, device: str) -> Predictor:
        from models.backbone.as_pretrained import read_once
        from models.tokens.tokenizer import load_tokenizer
        from models.training.hardware import hardware

        model, decoder, files = read_once(folder / "model", hardware(device).device)
        shown = pl.read_parquet(folder / SHOWN)
        draws = [shown.drop("draw")] if shown.is_empty() else shown.partition_by("draw", include_key=False)
        return AskingPredictor(
            downstream,
            load_tokenizer(folder / "model"),
            model,
            decoder,
            draws,
            files,
        )


@dataclass(frozen=True)
class AskingPredictor:
    """A pretrained model with its demonstrations."""

    downstream: Downstream
    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    decoder: bool
    demonstrations: list[pl.DataFrame]
    files: Hashable
    """See `models.interfaces.asked.Asked`."""
    dropped: Counter[str] = field(default_factory=Counter)
    """See `models.interfaces.transfer.Predictor`."""
    reading: Mapping[str, int] = field(default_factory=dict)
    reads_apart: bool = False
    """What a causal model is asked of a passage depends on the queries."""

    @property
    def draws(self) -> int:
        """See `models.interfaces.transfer.Predictor`."""
        return len(self.demonstrations)

    def outputs(
        self,
        rows: pl.DataFrame,
        labelled: bool,
        draw: int = 0,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[Sequence[Feature], list[np.ndarray]]:
        """See `models.interfaces.transfer.Predictor`."""
        shown = self.demonstrations[draw]
        asked = Asked(
            self.model,
            self.tokenizer,
            self.decoder,
            rows,
            shown,
            labelled,
            on_progress,
            self.dropped,
            self.files,
        )
        return self.downstream.ask(asked)
