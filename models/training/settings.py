"""What any training may be told about how it goes, pretraining and fine-tuning alike."""

from typing import Any, Literal

from pydantic import Field, field_validator

from models.config import PLUMBING, Config

Sharding = Literal["none", "optimizer", "full"]
Precision = Literal["auto", "fp32", "bf16"]
Compile = Literal["auto"] | bool


class TrainingSettings(Config):
    """How the loop goes about its steps; what is learnt, and how fast, is said elsewhere."""

    early_stopping: int | None = Field(
        default=None,
        ge=1,
        description="Evaluations in a row without a better one after which training stops; the weights of the best one "
        "are kept. By default it goes on to the end.",
    )
    gradient_accumulation: int = Field(
        default=1,
        ge=1,
        description="Batches whose gradients make one step together: the step of a batch so many times as large, in "
        "the memory of one.",
    )
    precision: Precision = Field(
        default="auto",
        description="fp32, bf16 (computed in bfloat16, weights kept in float32), or auto: bf16 on a GPU that has it, "
        "else fp32.",
    )
    gradient_checkpointing: bool = Field(
        default=False,
        description="Compute inner states again for the gradient instead of keeping them: a third slower, in much less "
        "memory, with the same numbers.",
        json_schema_extra=PLUMBING,
    )

    deterministic: bool = Field(
        default=False,
        description="Kernels on a GPU that give the same bits each time, as those of the CPU always do: slower, and "
        "with a warning where there is none. Runs then differ by nothing, else by rounding.",
        json_schema_extra=PLUMBING,
    )
    compile: Compile = Field(
        default="auto",
        description="Translate the layers for the device with torch.compile before training: true, false, or auto: on "
        "a GPU, for a training of 1,000 steps or more. It takes a minute, and changes last digits and what "
        "dropout draws.",
    )

    @field_validator("precision", mode="before")
    @classmethod
    def _no_half(cls, value: Any) -> Any:
        if value in ("fp16", "float16", "half"):
            raise ValueError(
                "fp16 loses small gradients unless losses are scaled, and no CPU computes it fast: use bf16 on a GPU "
                "that has it, else fp32"
            )
        return value
