"""The engine that a recipe names."""

from contextlib import AbstractContextManager, nullcontext

from tasks.environment import LOCAL, Machine
from tasks.running.engine import Engine
from tasks.running.local import Local
from tasks.running.progress import Board
from tasks.running.training_processes import TrainingProcesses


def engine_of(machine: Machine, board: Board) -> Engine:
    """The engine that a recipe names, not open yet."""
    if machine.engine == LOCAL:
        processes = TrainingProcesses(machine.cores, machine.jobs, machine.processes, machine.pretrainings)
        return Local(processes, board, machine.device)
    from tasks.running.on_ray import OnRay

    return OnRay(machine, board)


def ready(machine: Machine) -> AbstractContextManager[object]:
    """The engine can be used, for the time of a run: what is wrong with a cluster is so known before the first step.

    Raises:
        RecipeError: a cluster cannot be reached, or its nodes cannot do the work.
    """
    if machine.engine == LOCAL:
        return nullcontext()
    from tasks.running import cluster

    return cluster.joined(machine)
