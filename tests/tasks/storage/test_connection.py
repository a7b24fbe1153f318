"""Addresses of MLflow stores: those that cannot be one, and those that need a package more."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from models.errors import RecipeError
from tasks.storage import connection


@pytest.mark.parametrize(
    "uri",
    [
        "ftp://x",
        "s3://bucket/x",
        "mlruns",
        "./x",
        "file:///tmp/x",
        "postgresql+asyncpg://h/x",
        "mysql://h:x/y",
    ],
)
def test_what_is_no_address_of_a_store_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(RecipeError, match=r"^MLFLOW_TRACKING_URI: '.*' is no address of an MLflow") as error:
        connection.experiment("any")
    assert uri in str(error.value)


@pytest.mark.skipif(find_spec("psycopg2") is not None, reason="its driver is installed")
def test_postgresql_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://user:word@localhost/mlflow")
    with pytest.raises(RecipeError) as error:
        connection.experiment("any")
    assert str(error.value) == (
        "the MLflow store at postgresql://localhost/mlflow needs the package psycopg2: "
        "pip install 'headwater[postgres]'"
    )


@pytest.mark.skipif(find_spec("boto3") is not None, reason="its driver is installed")
def test_artifacts_on_s3_without_their_driver_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    made = connection.client().create_experiment("far", artifact_location="s3://bucket/x")
    with pytest.raises(RecipeError, match=r"needs the package boto3: pip install 'headwater\[s3\]'$"):
        connection.experiment("far")
    run = connection.client().create_run(made)
    with pytest.raises(RecipeError, match=r"headwater\[s3\]"), connection.reaching():
        connection.client().list_artifacts(run.info.run_id)
