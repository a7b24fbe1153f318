"""Pretraining objectives, one a file; `kind` is the name of the module."""
