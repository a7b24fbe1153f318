"""What a team's stores ask for is nowhere in what a run leaves behind: databases, bucket, home, terminal."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.machines import Machine, objects
from tests.support.team import BUCKET, PASSWORD, S3, Team, postgres_programs

pytestmark = pytest.mark.slow

WEBHOOK, WORD = "canary-webhook-33ad", "canary-basic-auth-0e7b"
CANARIES = (PASSWORD, S3["AWS_SECRET_ACCESS_KEY"], S3["AWS_ACCESS_KEY_ID"], WEBHOOK, WORD)


def test_credentials_of_a_run_are_nowhere(team: Team, recipe: Path, tmp_path: Path) -> None:
    machine = Machine(
        team,
        tmp_path / "home",
        {
            **team.with_s3(),
            "MLFLOW_TRACKING_URI": f"postgresql://{team.postgres}/direct",
            "HEADWATER_ARTIFACTS": f"s3://{BUCKET}/direct",
            "HEADWATER_WORK": f"s3://{BUCKET}/direct-work",
            "PREFECT_API_URL": team.prefect.replace("://", f"://anna:{WORD}@"),
            "MLFLOW_TRACKING_PASSWORD": WORD,
            "HEADWATER_NOTIFY": f"https://hooks.example.org/{WEBHOOK}",
        },
    )
    said = []
    for arguments in (
        ("run", recipe, "--only", "tokenizer,split"),
        ("run", recipe, "--only", "tokenizer,split", "--json"),
        ("plan", recipe),
        ("clean",),
    ):
        process = machine.start(*arguments)
        out, err = process.communicate(timeout=900)
        assert process.returncode == 0, err
        said.append(out + err)
    stored = [_dumped(team, name) for name in ("direct", "prefect")]
    assert "headwater.key" in stored[0] and "transfer-learning" in stored[1]
    assert any(name.startswith("direct/") for name in objects(team))
    places = [*said, *stored, *_bucket(team), *_files(machine.home)]
    for canary in CANARIES:
        assert not any(canary in text for text in places), canary


def _dumped(team: Team, name: str) -> str:
    """All that a database holds."""
    programs = postgres_programs()
    assert programs is not None
    command = [str(programs / "pg_dump"), f"postgresql://{team.postgres}/{name}"]
    dumped = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert not dumped.returncode, dumped.stderr
    return dumped.stdout


def _bucket(team: Team) -> list[str]:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=team.s3,
        region_name="us-east-1",
        aws_access_key_id=S3["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=S3["AWS_SECRET_ACCESS_KEY"],
    )
    names = objects(team, "direct")
    found = (client.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in names)
    return [text.decode("utf-8", "replace") for text in found]


def _files(home: Path) -> list[str]:
    return [path.read_text("utf-8", "replace") for path in home.rglob("*") if path.is_file()]
