"""The example of docs/python.md, as a script of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.recipes import SMALL, write

PROJECT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_example_runs_and_prints_scores_and_an_answer(
    tmp_path: Path, home: Path, prefect_server: str
) -> None:
    (example,) = BLOCK.findall((PROJECT / "docs" / "python.md").read_text(encoding="utf-8"))
    entry = SMALL["downstreams"][0] | {"name": "topics", "modes": ["finetune", "baseline"]}
    write(tmp_path, SMALL | {"name": "mine", "downstreams": [entry]})
    (tmp_path / "script.py").write_text(example, encoding="utf-8")
    own = {"HEADWATER_HOME": str(home), "PREFECT_HOME": str(home / "prefect"), "PYTHONPATH": str(PROJECT)}
    ended = subprocess.run(
        [sys.executable, "script.py"],
        env=os.environ | own | {"PREFECT_API_URL": prefect_server},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    *table, report, answer = ended.stdout.splitlines()
    assert Path(report).name == "index.html" and Path(report).is_file()
    assert "'label':" in answer
    rows = [line for line in table if "topics" in line]
    assert len(rows) == 2 and any("finetune" in line for line in rows)
    assert all("accuracy" in line for line in rows)
