"""The steps of a recipe by the names that `plan` shows."""

import difflib
from collections.abc import Sequence

from flows.recipe.recipe import Recipe
from models.config import did_you_mean
from models.errors import RecipeError
from tasks.graph.refs import Ref, ordered


def of_recipe(recipe: Recipe) -> list[Ref]:
    """Every step of a recipe, each after what it needs.

    Raises:
        RecipeError: for what a run would find before its first step.
    """
    from flows.graph.chain import chain, report_refs  # they import the steps, and with them MLflow

    recipe.check(())
    targets = chain(recipe, ())
    return ordered([*targets, *report_refs(recipe, (), targets)])


def named(steps: Sequence[Ref], name: str) -> list[Ref]:
    """The steps that a name stands for: one as `plan` shows it, all of an entry and mode, all of a kind.

    Raises:
        RecipeError: it stands for none.
    """
    asked = " ".join(name.split())
    for fits in (
        lambda ref: asked == ref.title,
        lambda ref: asked in (ref.name, ref.step),
        lambda ref: ref.name.startswith(f"{asked}/"),
    ):
        if found := [ref for ref in steps if fits(ref)]:
            return found
    words = ((ref.step, ref.name.rpartition("/")[0], ref.name, ref.title) for ref in steps)
    known = list(dict.fromkeys(word for several in words for word in several if word))
    near = difflib.get_close_matches(asked, known, n=1, cutoff=0.5)
    hint = did_you_mean(asked, near) if near else ""
    raise RecipeError(f"no step '{name}' in this recipe{hint or '; `headwater plan` shows its steps'}")
