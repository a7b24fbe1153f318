"""The languages a report may be in."""

from models.reporting.language.korean import Korean
from models.reporting.language.language import ENGLISH, Code, Language

LANGUAGES: dict[Code, Language] = {"en": ENGLISH, "ko": Korean()}
