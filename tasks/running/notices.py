"""What notifications of Prefect's automations can say of a flow run beyond its state."""

from uuid import UUID

from prefect import get_client

from tasks.running.progress import courtesy

MLFLOW = "headwater.mlflow"
"""The label of a flow run with the address of its MLflow run."""


def label(flow_run_id: str, mlflow_url: str) -> None:
    """Give a flow run the label that templates of notifications read."""
    with courtesy(), get_client(sync_client=True) as client:
        client.update_flow_run_labels(UUID(flow_run_id), {MLFLOW: mlflow_url})
