"""Asking a pretrained model that has learnt nothing of a downstream."""
