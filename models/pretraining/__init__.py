"""Pretraining a language model on encoded documents."""
