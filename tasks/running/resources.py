"""What a step asks of a cluster: processors, GPUs and memory, by what it is, or as the recipe says."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.environment import Machine, Resources
from tasks.graph.refs import Ref
from tasks.graph.step import Step, step_names

Node = Mapping[str, float]
"""What a node has, as Ray counts it: `CPU`, `GPU`, and `memory` in bytes."""


def asked(step: Step[Any], machine: Machine, nodes: Sequence[Node], ref: Ref | None = None) -> Resources:
    """What a step asks for, or its work on `ref`: what the recipe says, else by what it is.

    A pretraining has the processors of a whole node, or as many as `threads` says, and a GPU where there are some, for
    each of its `processes`; of several `pretrainings` at once each has a share. Other work on models has a share of
    them, of which there are as many as `jobs` says; anything else one processor.
    """
    said = machine.resources.get(step.name, Resources())
    use = step.process(ref)
    shares = machine.pretrainings if use == "exclusive" else machine.jobs
    some = step.gpu and machine.device != "cpu" and any(node.get("GPU") for node in nodes)
    gpus = said.gpus if said.gpus is not None else round(1 / shares, 4) if some else 0
    whole = machine.threads or int(
        max((node.get("CPU", 0) for node in nodes if node.get("GPU", 0) >= gpus), default=1)
    )
    cpus = said.cpus or (max(1, whole // shares) if step.gpu else 1)
    processes = max(1, machine.processes) if use == "exclusive" else 1
    return Resources(cpus, gpus, said.memory_gb, processes)


def counted(wanted: Resources) -> Node:
    """What one process of a step asks for, as Ray counts it."""
    asks = {"CPU": wanted.cpus, "GPU": wanted.gpus, "memory": int((wanted.memory_gb or 0) * 1e9)}
    return {name: number for name, number in asks.items() if number}


def fits(wanted: Resources, nodes: Sequence[Node]) -> bool:
    """Whether any node has as much as one process asks for, busy or not."""
    return _room(wanted, nodes) > 0


def _room(wanted: Resources, nodes: Sequence[Node]) -> int:
    """How many processes of a step the nodes have room for, were they idle."""
    asks = counted(wanted)
    return sum(int(min(node.get(name, 0) / number for name, number in asks.items())) for node in nodes)


def complaint(step: str, wanted: Resources, nodes: Sequence[Node]) -> str:
    """Why a step would wait for ever; empty where it would not."""
    room = _room(wanted, nodes)
    if room >= wanted.processes:
        return ""
    kinds = {_said(node.get("CPU"), node.get("GPU"), node.get("memory", 0) / 1e9) for node in nodes}
    there = f"(there are: {'; '.join(sorted(kinds)) or 'none'})"
    asks = f"{step} asks for {_said(wanted.cpus, wanted.gpus, wanted.memory_gb)}"
    less = f"or ask for less by resources.{step}"
    if not room:
        return f"{asks}, and no node of the cluster has as much {there}; start one that has, {less}"
    several = f"for each of {wanted.processes} processes, and the cluster has room for {room} of them"
    return f"{asks} {several} {there}; start more nodes, {less} or by processes"


def complaints(machine: Machine, nodes: Sequence[Node]) -> Iterator[str]:
    """What is wrong with what the steps ask for, a line each."""
    for name in step_names():
        step = vars(importlib.import_module(f"tasks.{name}"))[name]
        if line := complaint(name, asked(step, machine, nodes), nodes):
            yield line


def _said(cpus: float | None, gpus: float | None, memory_gb: float | None) -> str:
    counts = [f"{cpus or 0:g} CPU{'s' if cpus != 1 else ''}"]
    counts += [f"{gpus:g} GPU{'s' if gpus != 1 else ''}"] if gpus else []
    counts += [f"{memory_gb:.3g} GB"] if memory_gb else []
    return ", ".join(counts)
