"""Which engine a recipe names, and whether all is there that it takes."""

import importlib.util
from contextlib import AbstractContextManager, nullcontext

from models.errors import RecipeError
from tasks.environment import LOCAL, Machine
from tasks.running.engine import Engine
from tasks.running.local import Local
from tasks.running.progress import Board
from tasks.running.training_processes import TrainingProcesses


def engine_of(machine: Machine, board: Board) -> Engine:
    """The engine that a recipe names, not open yet."""
    if machine.engine == LOCAL:
        return Local(TrainingProcesses(machine.cores, machine.jobs), board, machine.device)
    check(machine)
    from tasks.running.on_ray import OnRay

    return OnRay(machine, board)


def check(machine: Machine) -> None:
    """Looks, before anything starts, whether there is what an engine takes here.

    Raises:
        RecipeError: a package or a server is missing.
    """
    if machine.engine == LOCAL:
        return
    missing = [name for name in ("ray", "prefect_ray") if importlib.util.find_spec(name) is None]
    if missing:
        packages = " and ".join(name.replace("_", "-") for name in missing)
        raise RecipeError(f"engine: {machine.engine} needs {packages}: pip install 'headwater[ray]'")
    from tasks.running import cluster

    cluster.check_servers(machine.engine)


def ready(machine: Machine) -> AbstractContextManager[object]:
    """The engine can be used, for the time of a run: what is wrong with a cluster is so known before the first step.

    Raises:
        RecipeError: a cluster cannot be reached, or its nodes cannot do the work.
    """
    if machine.engine == LOCAL:
        return nullcontext()
    from tasks.running import cluster

    return cluster.joined(machine)
