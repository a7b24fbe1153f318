"""`@step`: the one way to declare a step.

A declaration is a function from typed inputs to files, and how it wants to be run. Everything else comes with it, in
`tasks/running/execution.py`: the look-up, the lease, the MLflow run, the manifest, retries and progress.
"""

import importlib
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from models.config import Config
from tasks.graph import identity
from tasks.graph.refs import About, Ref

R = TypeVar("R", bound=Ref)


class Step(Generic[R]):
    """A declared step; calling it gives the ref of what it would make, and runs nothing."""

    def __init__(
        self, fn: Callable[..., None], makes: type[R], retries: int, isolated: bool, beside: bool
    ) -> None:
        self.fn, self.makes, self.retries, self.isolated, self.beside = fn, makes, retries, isolated, beside
        self.name, self.module, self.__doc__ = fn.__name__, fn.__module__, fn.__doc__
        identity.declare(self.module)

    def __call__(
        self, config: Config, *, about: About | None = None, **inputs: "Ref | tuple[Ref, ...] | None"
    ) -> R:
        key = identity.key_of(self.name, self.module, config, inputs)
        return self.makes(self.name, self.module, key, config, inputs, about or About())


def step(
    makes: type[R], *, retries: int = 2, isolated: bool = False, beside: bool = False
) -> "Callable[[Callable[..., None]], Step[R]]":
    """Declare a step.

    The body takes a `Job`, its configuration and its inputs by name, and fills `job.out`.

    Args:
        makes: the type of ref that names the artifact.
        retries: how often what may heal (I/O, network, store, out-of-memory) is tried again.
        isolated: whether the body runs in a training process, with all threads.
        beside: whether it does so with a share of the threads, beside others.
    """
    return lambda fn: Step(fn, makes, retries, isolated, beside)


def step_of(ref: Ref) -> Step[Any]:
    """The declaration a ref was made by."""
    return vars(importlib.import_module(ref.module))[ref.step]
