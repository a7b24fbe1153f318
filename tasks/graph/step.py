"""`@step`: the one way to declare a step.

A declaration is a function from typed inputs to files, and how it wants to be run. Everything else comes with it, in
`tasks/running/execution.py`: the look-up, the lease, the MLflow run, the manifest, retries and progress.
"""

import functools
import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from models.config import Config
from tasks.graph import identity
from tasks.graph.refs import About, Ref

R = TypeVar("R", bound=Ref)
TrainingProcessUse = Literal["shared", "exclusive"]


class Step(Generic[R]):
    """A declared step; calling it gives the ref of what it would make, and runs nothing."""

    def __init__(
        self,
        fn: Callable[..., None],
        makes: type[R],
        retries: int,
        process: "TrainingProcessUse | Callable[[R], TrainingProcessUse | None] | None",
        gpu: bool,
        stands: Callable[[R], bool],
        headline: str | Callable[[R], str],
    ) -> None:
        self.fn, self.makes, self.retries = fn, makes, retries
        self._process: TrainingProcessUse | Callable[[R], TrainingProcessUse | None] | None = process
        self.gpu = gpu
        self.stands, self._headline = stands, headline
        self.name, self.module, self.__doc__ = fn.__name__, fn.__module__, fn.__doc__
        identity.forget()  # what declares it may have been edited, in a notebook say

    def __call__(
        self, config: Config, *, about: About | None = None, **inputs: "Ref | tuple[Ref, ...] | None"
    ) -> R:
        made_of = identity.made_of(self.name, self.module, config, inputs)
        key = identity.digest(made_of)
        return self.makes(self.name, self.module, key, config, inputs, about or About(), made_of)

    def process(self, ref: R | None = None) -> TrainingProcessUse | None:
        """Whether its body runs in a training process, and how; without a ref, the most that any may ask for."""
        if callable(self._process):
            return "shared" if ref is None else self._process(ref)
        return self._process

    def headline(self, ref: R) -> str:
        """Name of the metric that says most about what was made; empty where none does."""
        return self._headline if isinstance(self._headline, str) else self._headline(ref)


def step(
    makes: type[R],
    *,
    retries: int = 2,
    process: "TrainingProcessUse | Callable[[R], TrainingProcessUse | None] | None" = None,
    gpu: bool = False,
    stands: Callable[[R], bool] = lambda ref: True,
    headline: str | Callable[[R], str] = "",
) -> "Callable[[Callable[..., None]], Step[R]]":
    """Declare a step.

    The body takes a `Job`, its configuration and its inputs by name, and fills `job.out`.

    Args:
        makes: the type of ref that names the artifact.
        retries: how often what may heal (I/O, network, store, out-of-memory) is tried again.
        process: whether the body runs in a training process: `shared`, with a share of the threads, while others run;
            or `exclusive`, with all threads, while no other does. Such a body may run in several processes at once that
            are a team (`models.training.distributed`); where `job.leads`, it fills `job.out`. Or how that is found for
            a ref.
        gpu: whether a GPU makes it quicker, so that it asks for one, or a share, where a cluster has some.
        stands: whether what the step does outside its artifact is still there; where it is not, a finished artifact
            is no hit.
        headline: the metric that tables show for it, or how it is named for a ref.
    """
    return lambda fn: Step(fn, makes, retries, process, gpu, stands, headline)


def step_of(ref: Ref) -> Step[Any]:
    """The declaration a ref was made by."""
    return vars(importlib.import_module(ref.module))[ref.step]


@functools.cache
def step_names() -> tuple[str, ...]:
    """Every step there is: the modules of `tasks/` that declare one of their name. They are read, not imported."""
    return tuple(path.stem for path in sorted(Path(__file__).parents[1].glob("*.py")) if _declares(path))


def _declares(path: Path) -> bool:
    """Whether a file has a function of its own name that is decorated with `@step(…)`."""
    decorated = rf"^@{step.__name__}\([^@]*^def {path.stem}\("
    return re.search(decorated, path.read_text(encoding="utf-8"), re.MULTILINE) is not None
