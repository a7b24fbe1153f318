"""Rows and texts before any model sees them: records, readers, schemas, cleaning, duplicates, splits, leaks."""
