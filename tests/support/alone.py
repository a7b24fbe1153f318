"""Run by `python -I alone.py FOLDER…`: answers of MLflow models to their examples, as a host without this project has
them, with nothing installed but what the first model's requirements bring and a server needs."""

import importlib.metadata
import json
import re
import sys
from pathlib import Path

from packaging.requirements import Requirement

HOST = ["uvicorn", "fastapi"]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def brought(requirements: list[str]) -> set[str]:
    """Distributions that an installation of the requirements has."""
    found: set[str] = set()
    waiting = [plain(Requirement(line).name) for line in requirements]
    while waiting:
        if (name := waiting.pop()) in found:
            continue
        found.add(name)
        try:
            needed = map(Requirement, importlib.metadata.requires(name) or [])
        except importlib.metadata.PackageNotFoundError:
            continue
        waiting += [
            plain(item.name) for item in needed if not item.marker or item.marker.evaluate({"extra": ""})
        ]
    return found


class Installed:
    """Finds only modules of some distributions."""

    def __init__(self, distributions: set[str]) -> None:
        self._finders = [item for item in sys.meta_path if "editable" not in repr(item).lower()]
        self._of = importlib.metadata.packages_distributions()
        self._distributions = distributions

    def find_spec(self, name: str, path=None, target=None):
        owners = {plain(item) for item in self._of.get(name.split(".")[0], ())}
        if owners and not owners & self._distributions:
            return None
        specs = (finder.find_spec(name, path, target) for finder in self._finders)
        return next((spec for spec in specs if spec is not None), None)

    def find_distributions(self, *arguments, **options):
        for finder in self._finders:
            if hasattr(finder, "find_distributions"):
                yield from finder.find_distributions(*arguments, **options)


if __name__ == "__main__":
    folders = [Path(name) for name in sys.argv[1:]]
    lines = (folders[0] / "requirements.txt").read_text().split()
    sys.meta_path = [Installed(brought([*lines, *HOST]))]
    sys.path.insert(0, "")  # as MLflow's server has it

    import mlflow.pyfunc

    for folder in folders:
        model = mlflow.pyfunc.load_model(str(folder))
        print(json.dumps(model.predict(model.input_example), ensure_ascii=False))
