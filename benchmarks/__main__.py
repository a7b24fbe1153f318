"""The short form of every benchmark in this folder, one after the other, and the last line of each at the end.

    python -m benchmarks [NAME ...]

A benchmark is a file with a `main` that takes `--quick`, its short form, for which it needs nobody's files.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).parent
_BENCHMARK = re.compile(r"^def main\(.*(pairs\.parser\(|\"--quick\")", re.DOTALL | re.MULTILINE)


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
    """Every one there is: they are read, not imported."""
    own = [path for path in sorted(FOLDER.glob("*.py")) if path.name != Path(__file__).name]
    return [path.stem for path in own if _BENCHMARK.search(path.read_text(encoding="utf-8"))]


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
