"""What declares a step, and what can be known of steps before any runs."""

import importlib
import pkgutil

import tasks
from tasks.graph.step import Step, step_names


def test_every_module_that_declares_a_step_is_found() -> None:
    modules = [info.name for info in pkgutil.iter_modules(tasks.__path__) if not info.ispkg]
    declared = [
        name
        for name in modules
        if isinstance(getattr(importlib.import_module(f"tasks.{name}"), name, None), Step)
    ]
    assert step_names() == tuple(sorted(declared))
    assert {"ingest", "split", "leaks", "adapt", "report"} <= {*declared}
