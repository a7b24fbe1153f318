"""Work pools of Docker and Kubernetes: templates against those of the workers, deployments against the templates."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prefect
import pytest
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.utilities.schema_tools.validation import ValidationError, validate
from prefect.utilities.templating import apply_values, find_placeholders
from ruamel.yaml import YAML

DEPLOY = Path(__file__).parents[2] / "deploy"
KINDS = ("docker", "kubernetes")
PROCESS = Path(__file__).parents[2] / "prefect.yaml"
KNOWN_SINCE = {"docker": {"container_create_kwargs"}, "kubernetes": set()}
"""Parts of a job that workers of this kind take, though Prefect's own copy of their templates does not show them."""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def template(kind: str) -> dict[str, Any]:
    return json.loads((DEPLOY / f"{kind}-pool.json").read_text(encoding="utf-8"))


@pytest.fixture
def standard(kind: str) -> dict[str, Any]:
    """The template that Prefect knows for workers of this kind."""
    views = Path(prefect.__file__).parent / "server" / "api" / "collections_data" / "views"
    workers = json.loads((views / "aggregate-worker-metadata.json").read_text(encoding="utf-8"))
    return workers[f"prefect-{kind}"][kind]["default_base_job_configuration"]


def _deployments(kind: str) -> list[dict[str, Any]]:
    return YAML(typ="safe").load((DEPLOY / f"{kind}.yaml").read_text(encoding="utf-8"))["deployments"]


def _paths(node: Any, at: str = "") -> Iterator[str]:
    """Where something stands, down to the leaves; places in a list do not count."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _paths(value, f"{at}/{name}")
    elif isinstance(node, list):
        for value in node:
            yield from _paths(value, at)
    else:
        yield at


def test_a_job_is_made_of_what_the_worker_takes(
    kind: str, template: dict[str, Any], standard: dict[str, Any]
) -> None:
    job, known = template["job_configuration"], standard["job_configuration"]
    assert job.keys() <= known.keys() | KNOWN_SINCE[kind]
    # What the worker fills in, it finds at the same places.
    wanted = {path for path in _paths(known.get("job_manifest", {})) if "resources" not in path}
    moved = {
        "/spec/template/spec/parallelism",
        "/spec/template/spec/completions",
    }  # where Kubernetes has them
    assert wanted - moved <= set(_paths(job.get("job_manifest", {})))


def test_every_variable_is_used_and_every_use_is_declared(kind: str, template: dict[str, Any]) -> None:
    WorkPoolCreate(name="pool", type=kind, base_job_template=template)  # refuses uses that are not declared
    used = {item.name for item in find_placeholders(template["job_configuration"])}
    assert used == template["variables"]["properties"].keys()


def test_deployments_ask_for_what_the_pool_offers(kind: str, template: dict[str, Any]) -> None:
    for deployment in _deployments(kind):
        assert deployment["work_pool"]["name"] == f"headwater-{kind}"
        values = deployment["work_pool"]["job_variables"]
        validate(values, template["variables"], raise_on_error=True)
        assert values.keys() <= template["variables"]["properties"].keys()
        defaults = {
            name: item["default"]
            for name, item in template["variables"]["properties"].items()
            if "default" in item
        }
        left = find_placeholders(apply_values(template["job_configuration"], defaults | values))
        assert not [item.name for item in left if not item.name.startswith(("prefect.blocks.", "$"))]
    with pytest.raises(ValidationError):
        validate({"image": 7}, template["variables"], raise_on_error=True)


def test_secrets_are_filled_in_by_workers_and_kept_in_no_deployment(
    kind: str, template: dict[str, Any]
) -> None:
    # `prefect deploy` would put a block's value into the deployment, where everyone who may see it reads it.
    assert "prefect.blocks" not in (DEPLOY / f"{kind}.yaml").read_text(encoding="utf-8").replace("# ", "")
    environment = json.dumps(template)
    assert re.search(r"prefect\.blocks\.secret\.|secretRef", environment)
    for name, value in re.findall(r'"(\w*(?:PASSWORD|SECRET|TOKEN)\w*)": "([^"]*)"', environment):
        assert value.startswith("{{ prefect.blocks."), name


def test_jobs_run_as_the_images_own_user_and_may_do_no_more(kind: str, template: dict[str, Any]) -> None:
    said = json.dumps(template["job_configuration"])
    dockerfile = (DEPLOY.parent / "Dockerfile").read_text(encoding="utf-8")
    (user,) = re.findall(r"^USER (\d+):0$", dockerfile, re.M)
    if kind == "kubernetes":
        assert f'"runAsUser": {user}' in said and '"readOnlyRootFilesystem": true' in said
        assert '"allowPrivilegeEscalation": false' in said and '"drop": ["ALL"]' in said
    else:
        assert '"read_only": true' in said and '"cap_drop": ["ALL"]' in said and "no-new-privileges" in said


def test_runs_send_heartbeats_and_wait_for_servers_as_those_of_the_process_pool_do(kind: str) -> None:
    definitions = YAML(typ="safe").load(PROCESS.read_text(encoding="utf-8"))["definitions"]
    common = definitions["work_pool"]["job_variables"]["env"]
    for deployment in _deployments(kind):
        assert deployment["work_pool"]["job_variables"]["env"].items() >= common.items()
