"""Files in the folder of an adapted model, beside `model/`, which plain `transformers` loads."""

SETTLED = "downstream.json"
"""The downstream as it was trained."""
POOL = "pool.parquet"
"""What answers are chosen from (passages, say), where the downstream has such rows."""
VALIDATION = "validation.parquet"
"""`id` and the statistics of each validation row, as the model did on it."""
