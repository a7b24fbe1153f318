"""Errors that are for people: each message says what is wrong, where, and what to do."""


class HeadwaterError(Exception):
    """Base of the errors a user can act on; shown as one line, never as a traceback."""


class RecipeError(HeadwaterError):
    """Wrong before the first step runs: recipe, overrides, missing or unreadable files. Exit code 2."""


class DataError(HeadwaterError):
    """A step cannot continue with these data or settings. Never retried. Exit code 1."""


class NetworkError(HeadwaterError):
    """Somebody else's server did not answer; trying again may help."""


class StoreError(HeadwaterError):
    """The store cannot be reached or written. May heal, so it is retried. Exit code 1."""
