"""Predictions of models, with a head or without."""
