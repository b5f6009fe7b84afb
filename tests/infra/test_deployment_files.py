# SPDX-License-Identifier: Apache-2.0
"""The files that bring Callsheet to other machines: each read by the parser or held against the
schema of the tool that it is for.

What no package can check is said in infra/README.md. Nothing here starts a container or a cluster.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

INFRA = Path(__file__).parents[2] / "infra"
SCHEDULE = INFRA.parent / "flows/night/prefect.yaml"
KUBERNETES = "1.37"
TEMPLATES = {"cluster.yaml": ("spec",), "night.yaml": ("spec", "rayClusterSpec")}


def tool(name: str) -> ModuleType:
    """A package that only these tests use; without it they skip, unless everything is required."""
    if os.environ.get("CALLSHEET_REQUIRE") == "all":
        return importlib.import_module(name)
    return pytest.importorskip(name, reason=f"the package {name} (locks/cpu.txt) is not installed")


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((INFRA / name).read_text()))


def instructions() -> list[tuple[str, tuple[str, ...]]]:
    parsed = tool("dockerfile").parse_file(str(INFRA / "Dockerfile"))
    return [(command.cmd.upper(), command.value) for command in parsed]


def ray_pods(name: str) -> list[dict[str, Any]]:
    """The pod templates of a Ray cluster in a file, head first."""
    spec = documents(f"kuberay/{name}")[0]
    for key in TEMPLATES[name]:
        spec = spec[key]
    return [
        spec["headGroupSpec"]["template"],
        *(group["template"] for group in spec["workerGroupSpecs"]),
    ]


def pod(template: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "one", **template.get("metadata", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def test_docker_can_read_the_dockerfile_and_both_images_are_whole() -> None:
    read = instructions()
    stages = [value[2] for command, value in read if command == "FROM" and len(value) == 3]
    assert stages == ["base", "install-cpu", "install-cuda", "cpu", "cuda"]
    assert sum(command == "HEALTHCHECK" for command, _ in read) == 2


def test_images_are_pinned_and_run_as_nobody_special() -> None:
    read = instructions()
    (base,) = (value[0] for command, value in read if command == "ARG")
    assert re.fullmatch(r"PYTHON=python:3\.11\.\d+-slim-bookworm(@sha256:[0-9a-f]{64})?", base)
    users = [value[0] for command, value in read if command == "USER"]
    assert users == ["10001"]
    assert not any(
        "secret" in " ".join(value).casefold()
        for command, value in read
        if command in ("ENV", "ARG")
    )


def test_the_compose_file_follows_the_compose_specification() -> None:
    merged = documents("compose.yaml")[0]
    compose = tool("compose_spec").PyCompose.from_json(json.dumps(merged))
    compose.to_spec()
    assert set(compose.services) >= {
        "postgres",
        "prefect",
        "ray-head",
        "ray-worker",
        "storage",
        "nights",
    }


def test_compose_publishes_nothing_beyond_this_machine_and_keeps_no_secret() -> None:
    text = (INFRA / "compose.yaml").read_text()
    services = documents("compose.yaml")[0]["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:4200:4200"]
    assert all("healthcheck" in service for service in services.values())
    assert all(service["cap_drop"] == ["ALL"] for service in services.values())
    assert not [
        name
        for name, one in services.items()
        if ":latest" in one["image"] or ":" not in one["image"]
    ]
    for name in (
        "POSTGRES_PASSWORD",
        "PREFECT_AUTH",
        "RAY_AUTH_TOKEN",
        "STORAGE_KEY",
        "STORAGE_SECRET",
    ):
        assert re.search(rf"\$\{{{name}:\?", text), f"{name} must be required"
    assert all(
        services[name]["environment"]["RAY_AUTH_MODE"] == "token"
        for name in services
        if name.startswith("ray-")
    )


def test_what_is_plain_kubernetes_follows_its_schema() -> None:
    validate = tool("kubernetes_validate").validate
    for document in documents("kuberay/storage.yaml"):
        validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_pods_of_ray_clusters_follow_the_schema_of_pods(name: str) -> None:
    validate = tool("kubernetes_validate").validate
    for template in ray_pods(name):
        validate(pod(template), KUBERNETES, strict=True)


@pytest.mark.parametrize("name", TEMPLATES)
def test_pods_are_not_root_and_have_limits(name: str) -> None:
    for template in ray_pods(name):
        assert template["spec"]["securityContext"]["runAsNonRoot"] is True
        for container in template["spec"]["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["resources"]["limits"].keys() >= {"cpu", "memory"}


def test_ray_clusters_ask_for_the_token_and_are_of_our_version() -> None:
    locked = re.search(r"^ray==(\S+)", (INFRA.parent / "locks" / "cpu.txt").read_text(), flags=re.M)
    assert locked is not None
    cluster = documents("kuberay/cluster.yaml")[0]
    night = documents("kuberay/night.yaml")[0]
    assert (cluster["apiVersion"], cluster["kind"], night["kind"]) == (
        "ray.io/v1",
        "RayCluster",
        "RayJob",
    )
    for spec in (cluster["spec"], night["spec"]["rayClusterSpec"]):
        assert spec["authOptions"] == {"mode": "token"}
        assert spec["rayVersion"] == locked[1]


def test_the_submitter_of_a_night_is_a_pod_too() -> None:
    validate = tool("kubernetes_validate").validate
    template = documents("kuberay/night.yaml")[0]["spec"]["submitterPodTemplate"]
    validate(pod(template), KUBERNETES, strict=True)


def test_the_autoscaler_file_follows_rays_own_schema() -> None:
    import jsonschema

    schema = json.loads(
        (importlib.resources.files("ray.autoscaler") / "ray-schema.json").read_text()
    )
    jsonschema.validate(documents("ray-autoscaler.yaml")[0], schema)


def test_ray_up_would_take_the_autoscaler_file_and_ask_for_spot_workers_only() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    filled = prepare_config(documents("ray-autoscaler.yaml")[0])
    validate_config(filled)
    kinds = filled["available_node_types"]
    workers = [kind for name, kind in kinds.items() if name != filled["head_node_type"]]
    assert [worker["node_config"]["InstanceMarketOptions"] for worker in workers] == [
        {"MarketType": "spot"}
    ]
    # takes are made on workers only
    assert kinds[filled["head_node_type"]]["resources"] == {"CPU": 0}
    started = [*filled["head_start_ray_commands"], *filled["worker_start_ray_commands"]]
    assert all("RAY_AUTH_MODE=token" in command for command in started if "ray start" in command)


def test_prefect_can_read_what_runs_when() -> None:
    from prefect.cli.deploy._models import PrefectYamlModel

    read = PrefectYamlModel.model_validate(yaml.safe_load(SCHEDULE.read_text()))
    names = {deployment.name: deployment for deployment in read.deployments}
    assert names.keys() == {"every-night", "now"}
    assert names["every-night"].work_pool is not None
    assert names["every-night"].work_pool.name == "callsheet"
    assert [deployment.entrypoint for deployment in read.deployments] == [
        "flows.night.deployments.nightly",
        "flows.night.deployments.render",
    ]


def test_the_health_check_knows_what_answers(tmp_path: Path) -> None:
    import socket

    from infra.health import is_up

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert is_up(f"http://127.0.0.1:{probe.getsockname()[1]}/") is False
