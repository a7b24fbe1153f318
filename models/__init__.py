"""What is true of language models and their data without an orchestrator: no Prefect, no MLflow in here."""
