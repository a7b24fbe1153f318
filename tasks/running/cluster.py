"""A Ray cluster as runs use it: connected to with this project's code, its nodes looked at before the first step."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from models.errors import RecipeError
from tasks.environment import Machine, is_secret, make_home, public
from tasks.graph import identity
from tasks.graph.step import step_names
from tasks.running import node, resources
from tasks.storage import provenance

ON_THIS_NODE = "ray"
"""The engine that is the cluster which this machine is a node of."""
_HEAD = "node:__internal_head__"
_LOOK_SECONDS = 120
_SENT = ("HEADWATER_", "MLFLOW_", "PREFECT_", "HF_", "DO_NOT_TRACK", "TRANSFORMERS_", "TQDM_")
"""Variables that nodes are given, by how their names begin; none of them that holds a secret."""


@contextmanager
def joined(machine: Machine) -> Iterator[None]:
    """Connected to a cluster that can do the work; within it, further ones find it so.

    Raises:
        RecipeError: it cannot be reached, or one of its nodes cannot do the work, or none is large enough.
    """
    if ray.is_initialized():
        yield
        return
    _connect(machine.engine)
    try:
        if wrong := list(resources.complaints(machine, nodes())):
            raise RecipeError("\n".join(wrong))
        _look()
        yield
    finally:
        ray.shutdown()


def nodes() -> list[resources.Node]:
    """What each living node has."""
    return [item["Resources"] for item in _alive()]


def on_head() -> dict[str, Any]:
    """Options of what is to run beside the cluster's head, whatever becomes of other nodes."""
    return {
        "num_cpus": 0,
        "scheduling_strategy": _only_on(next(item for item in _alive() if _HEAD in item["Resources"])),
    }


def _alive() -> list[dict[str, Any]]:
    return [item for item in ray.nodes() if item["Alive"]]


def _only_on(item: dict[str, Any]) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(item["NodeID"], soft=False)


def _connect(engine: str) -> None:
    """Join the cluster as a client of it, or as the node that this machine is, and send it the code."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"working_dir": str(provenance.snapshot(Path(folder))), "env_vars": variables()}
        for again in (True, False):
            try:
                ray.init(
                    "auto" if engine == ON_THIS_NODE else engine,
                    namespace="headwater",
                    log_to_driver=False,
                    configure_logging=False,
                    runtime_env=environment,
                )
                return
            except (OSError, RuntimeError, ValueError, RayError) as error:
                ray.shutdown()
                # A head forks a process for each client, which on a busy machine may die at its birth.
                if not (again and isinstance(error, ConnectionAbortedError)):
                    said = " ".join(public(str(error)).split())[:300]
                    raise RecipeError(f"engine: no Ray cluster can be used at {engine} ({said})") from error


def variables() -> dict[str, str]:
    """What nodes are to have in their environment; Ray logs it, so what is secret they must have themselves."""
    own = {"HEADWATER_HOME": str(make_home())}
    named = {
        name: value
        for name, value in (os.environ | own).items()
        if name.startswith(_SENT) and "__" not in name
    }
    return {name: value for name, value in named.items() if not is_secret(name, value)}


def _look() -> None:
    """
    Raises:
        RecipeError: a node cannot do steps, with what is to be done about it.
    """
    probe = make_home() / "work" / f"probe-{uuid4().hex}"
    probe.parent.mkdir(exist_ok=True)
    probe.touch()
    try:
        wrong = list(_wrong(probe, [item for item in _alive() if item["Resources"].get("CPU")]))
    finally:
        probe.unlink()
    if wrong:
        raise RecipeError("\n".join(wrong))


def _wrong(probe: Path, alive: Sequence[dict[str, Any]]) -> Iterator[str]:
    libraries = identity.libraries_of([f"tasks.{name}" for name in step_names()])
    look = ray.remote(num_cpus=0, max_retries=0)(node.looked_at)
    asked = {
        look.options(scheduling_strategy=_only_on(item)).remote(probe, libraries): item for item in alive
    }
    ray.wait(list(asked), num_returns=len(asked), timeout=_LOOK_SECONDS)
    for future, item in asked.items():
        try:
            found = ray.get(future, timeout=0.1)
        except RayError as error:
            found = [" ".join(str(error).split())[-300:] or type(error).__name__]
        yield from (f"engine: node {item['NodeManagerAddress']}: {line}" for line in found)
