"""Pretraining a language model on packed sequences."""
