"""The short form of every benchmark in this folder, one after the other, and the last line of each at the end.

    python -m benchmarks [NAME ...]

A benchmark is a file with a `main`; in its short form it takes no files of anybody's.
"""

import ast
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).parent


def main() -> int:
    """Run those that are named, or all; 1 if any has failed."""
    last: dict[str, str] = {}
    failed: list[str] = []
    for name in sys.argv[1:] or benchmarks():
        print(f"== {name}", flush=True)
        started = time.monotonic()
        code, said = _run(name)
        if code:
            failed.append(name)
        words = f"failed ({code})" if code else (said or [""])[-1]
        last[name] = f"{words}  [{time.monotonic() - started:.0f} s]"
    print("\n" + "\n".join(f"{name:12} {line}" for name, line in last.items()))
    return 1 if failed else 0


def benchmarks() -> list[str]:
    """Every module here that has a `main` of its own."""
    own = [path for path in sorted(FOLDER.glob("*.py")) if path.name != Path(__file__).name]
    return [path.stem for path in own if "main" in _functions(path)]


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_bytes())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def _run(name: str) -> tuple[int, list[str]]:
    """Its exit code and what it printed, which is shown as it comes."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--quick"]
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=FOLDER.parent) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            said += [line.strip()] if line.strip() else []
    return process.returncode, said


if __name__ == "__main__":
    sys.exit(main())
