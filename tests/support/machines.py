"""Machines of a team, each a home of its own, and what they have left in its stores."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.team import BUCKET, S3, Team
from tests.support.up import PROJECT


class Machine:
    """A home of its own, as on another computer."""

    def __init__(self, team: Team, home: Path, more: Mapping[str, str] = {}) -> None:
        self.team, self.home = team, home
        self.environment = team.environment(home, **more)

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        """A command that goes on."""
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *map(str, arguments)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            start_new_session=True,
        )

    def does(self, *arguments: object, code: int = 0) -> str:
        """What a command says."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=900)
        assert "Traceback" not in err, err
        assert process.returncode == code, f"{arguments}: {process.returncode}\n{out}\n{err}"
        return out

    def runs(self, recipe: Path, *arguments: object) -> dict[str, Any]:
        """What a run of a recipe came to."""
        return json.loads(self.does("run", recipe, "--json", *arguments))


def kill(process: "subprocess.Popen[str]") -> None:
    """End it with all its children, as when its machine goes."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def finished(team: Team) -> list[str]:
    """The keys of finished runs, each as often as it was made."""
    body = {"experiment_ids": ["1"], "filter": "attributes.status = 'FINISHED'", "max_results": 1000}
    request = urllib.request.Request(
        f"{team.mlflow}/api/2.0/mlflow/runs/search",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.loads(answer.read()).get("runs", [])
    tags = ({tag["key"]: tag["value"] for tag in run["data"]["tags"]} for run in found)
    return [tag["headwater.key"] for tag in tags if "headwater.key" in tag]


def objects(team: Team, prefix: str = "") -> dict[str, int]:
    """Names and bytes of what lies in the bucket."""
    import boto3

    known = {
        "aws_access_key_id": S3["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": S3["AWS_SECRET_ACCESS_KEY"],
    }
    client = boto3.client("s3", endpoint_url=team.s3, region_name="us-east-1", **known)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", ())}
