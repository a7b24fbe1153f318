"""A recipe: the typed whole of one run, and how its file is read."""

from flows.recipe.recipe import Recipe

__all__ = ["Recipe"]
