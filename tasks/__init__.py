"""Steps: Prefect tasks that turn typed inputs into one artifact each, stored in MLflow."""

from tasks.environment import prepare

prepare()
