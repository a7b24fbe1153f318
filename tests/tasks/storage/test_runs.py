"""What MLflow's pages say of a flow run."""

from pathlib import Path

import pytest

from tasks.running.execution import RunContext
from tasks.storage import connection, runs


@pytest.mark.parametrize("count", [3, 300])
def test_a_description_ends_with_a_whole_line_and_the_file_has_all(
    context: RunContext, count: int, tmp_path: Path
) -> None:
    lines = [
        "| step | | seconds | MLflow run |",
        *(f"| step {number} | {'x' * 90} |" for number in range(count)),
    ]
    runs.describe(context.parent_id, lines, "steps.md")
    note = connection.client().get_run(context.parent_id).data.tags["mlflow.note.content"]
    file = connection.client().download_artifacts(context.parent_id, "steps.md", str(tmp_path))
    whole = Path(file).read_text(encoding="utf-8")
    assert whole.splitlines() == lines and len(note) <= 5000
    if count == 3:
        assert note == whole
    else:
        shown = note.splitlines()[:-2]
        assert shown == lines[: len(shown)]
        assert note.endswith(f"… and {len(lines) - len(shown)} more lines in steps.md.")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://anna:s3cret@mlflow.example.org:5000/a@b", "https://mlflow.example.org:5000/a@b"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("sqlite:////home/a@b/mlflow.db", "sqlite:////home/a@b/mlflow.db"),
    ],
)
def test_no_password_of_a_server_is_shown(url: str, shown: str) -> None:
    assert connection.public(url) == shown
