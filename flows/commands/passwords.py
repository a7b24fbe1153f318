"""The password of `headwater up --auth`: one user for both servers, handed on by environment variables alone."""

import os
import secrets
from dataclasses import dataclass
from importlib.util import find_spec

from models.errors import RecipeError
from tasks.environment import home

USER = "headwater"
VARIABLE = "HEADWATER_PASSWORD"
_LEAST = 12
"""MLflow takes none that is shorter."""


@dataclass(frozen=True)
class Password:
    """What both servers ask for, and what to tell of it on the terminal."""

    value: str
    said: str

    def for_clients(self) -> dict[str, str]:
        """Environment of what talks to the servers. Nothing of it stands on a command line, which others may read."""
        return {
            "PREFECT_API_AUTH_STRING": f"{USER}:{self.value}",
            "MLFLOW_TRACKING_USERNAME": USER,
            "MLFLOW_TRACKING_PASSWORD": self.value,
        }

    def for_prefect(self) -> dict[str, str]:
        """Environment of Prefect's server."""
        return {"PREFECT_SERVER_API_AUTH_STRING": f"{USER}:{self.value}"}

    def for_mlflow(self) -> dict[str, str]:
        """Environment of MLflow's server; the user is put into its database here, with a hash of the password."""
        from tasks.storage import users

        folder = home() / "auth"
        users.put(folder / "mlflow.db", USER, self.value)
        configuration = folder / "mlflow.ini"
        configuration.write_text(users.configuration(folder / "mlflow.db", USER), encoding="utf-8")
        return {
            "MLFLOW_AUTH_CONFIG_PATH": str(configuration),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(),
        }


def password() -> Password:
    """The one in HEADWATER_PASSWORD, else the one that was made at random the first time and is kept since.

    Raises:
        RecipeError: it is no password for both servers, or a package that MLflow needs for it is not there.
    """
    if find_spec("flask_wtf") is None:
        raise RecipeError(
            "--auth needs the package Flask-WTF for MLflow's server: pip install 'headwater[auth]'"
        )
    folder = home() / "auth"
    folder.mkdir(mode=0o700, exist_ok=True)
    if given := os.environ.pop(VARIABLE, ""):
        if len(given) < _LEAST or not (given.isascii() and given.isprintable()):
            raise RecipeError(f"{VARIABLE}: a password has {_LEAST} printable ASCII characters or more")
        return Password(given, f"the one in {VARIABLE}")
    kept = folder / "password"
    if kept.exists():
        return Password(kept.read_text(encoding="utf-8").strip(), f"in {kept}")
    made = secrets.token_urlsafe(18)
    with open(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{made}\n")
    return Password(made, f"{made} (kept in {kept})")
