"""MLflow, seen as runs, artifacts and registered models."""
