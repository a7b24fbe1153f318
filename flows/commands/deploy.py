"""`headwater deploy`: what `headwater up` deploys on its own server, on the one that PREFECT_API_URL names."""

import os

from flows.commands.servers import check_prefect, check_project, check_proxies
from models.errors import RecipeError


def deploy() -> int:
    """Put the work pool, the deployments and the automation on the server; gives the exit code.

    Raises:
        RecipeError: this is not the project's folder, or no server is named or answers.
        HeadwaterError: a file cannot be deployed.
    """
    check_project("deploy")
    check_proxies()
    api = os.environ.get("PREFECT_API_URL")
    if not api:
        raise RecipeError(
            "PREFECT_API_URL names no server: set it to the address of one, such as http://HOST:4200/api, or use "
            "`headwater up`, which starts one and deploys there"
        )
    check_prefect(api)
    from flows.commands import deploying  # Prefect takes seconds to import

    deploying.make_pool(at_once=None)
    deploying.deploy()
    deploying.automate()
    print("\n".join(f"Deployed  {name}" for name in deploying.names()))
    for line in deploying.schedules_on() or ["none is on; switch one on at its deployment's page"]:
        print(f"Schedule  {line}")
    print(f"Worker    prefect worker start --pool {deploying.POOL} --type process")
    return 0
