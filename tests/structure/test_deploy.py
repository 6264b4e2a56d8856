"""The deployment files agree with each other, with the Kubernetes schemas and with what the server offers."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TypeAlias, cast

import kubernetes_validate
import pytest
import yaml

Yaml: TypeAlias = "dict[str, Yaml] | list[Yaml] | str | int | bool | None"

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy/kustomize/base"
PORTS = {"grpc": 50051, "http": 8080}
STATE = "/var/lib/assay"
USER = 65532
SERVE_SETTINGS = {
    "ASSAY_LISTEN": "0.0.0.0:50051",
    "ASSAY_HTTP_LISTEN": "0.0.0.0:8080",
    "ASSAY_STORE": f"sqlite:{STATE}/assay.db",
}


def at(value: Yaml, *path: str | int) -> Yaml:
    """What lies at a path of keys and indices; fails where something is missing."""
    for key in path:
        value = cast("dict[str | int, Yaml]", value)[key]
    return value


def mapping(value: Yaml) -> dict[str, Yaml]:
    assert isinstance(value, dict)
    return value


def items(value: Yaml) -> list[Yaml]:
    assert isinstance(value, list)
    return value


def named(value: Yaml) -> dict[str, Yaml]:
    return {str(at(item, "name")): item for item in items(value)}


@cache
def manifests() -> dict[tuple[str, str], Yaml]:
    kustomization = cast("Yaml", yaml.safe_load((BASE / "kustomization.yaml").read_text()))
    resources = [str(name) for name in items(at(kustomization, "resources"))]
    assert {*resources, "kustomization.yaml"} == {path.name for path in BASE.iterdir()}
    documents = [
        cast("Yaml", document)
        for name in resources
        for document in yaml.safe_load_all((BASE / name).read_text())
        if document is not None
    ]
    return {(str(at(document, "kind")), str(at(document, "metadata", "name"))): document for document in documents}


def pod() -> Yaml:
    return at(manifests()[("Deployment", "assay")], "spec", "template", "spec")


def container() -> Yaml:
    [only] = items(at(pod(), "containers"))
    return only


def labels() -> Yaml:
    return at(manifests()[("Deployment", "assay")], "spec", "template", "metadata", "labels")


def compose_service() -> Yaml:
    return at(cast("Yaml", yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())), "services", "assay")


def dockerfile() -> str:
    return (ROOT / "deploy/Dockerfile").read_text()


def test_the_base_holds_one_of_everything() -> None:
    assert sorted(manifests()) == [
        ("ConfigMap", "assay"),
        ("Deployment", "assay"),
        ("NetworkPolicy", "assay"),
        ("PersistentVolumeClaim", "assay"),
        ("Service", "assay"),
        ("Service", "assay-headless"),
        ("ServiceAccount", "assay"),
    ]


@pytest.mark.parametrize("version", ["1.29", "1.33"])
def test_manifests_are_valid_kubernetes(version: str) -> None:
    for manifest in manifests().values():
        kubernetes_validate.validate(mapping(manifest), version, strict=True)


def test_a_misspelt_field_is_found() -> None:
    wrong = {**mapping(manifests()[("PersistentVolumeClaim", "assay")]), "sepc": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.33", strict=True)


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("Deployment", "assay", ("spec", "selector", "matchLabels")),
        ("Service", "assay", ("spec", "selector")),
        ("Service", "assay-headless", ("spec", "selector")),
        ("NetworkPolicy", "assay", ("spec", "podSelector", "matchLabels")),
    ],
)
def test_selectors_find_the_pod(kind: str, name: str, path: tuple[str, ...]) -> None:
    assert at(manifests()[(kind, name)], *path) == labels()


def test_what_the_pod_refers_to_is_there() -> None:
    volumes = named(at(pod(), "volumes"))
    assert named(at(container(), "volumeMounts")).keys() == volumes.keys()
    known = manifests()
    assert ("PersistentVolumeClaim", at(volumes["data"], "persistentVolumeClaim", "claimName")) in known
    assert ("ConfigMap", at(container(), "envFrom", 0, "configMapRef", "name")) in known
    assert ("ServiceAccount", at(pod(), "serviceAccountName")) in known


def test_ports_agree_everywhere() -> None:
    ports = named(at(container(), "ports"))
    assert {name: at(port, "containerPort") for name, port in ports.items()} == PORTS
    for service in ("assay", "assay-headless"):
        for name, port in named(at(manifests()[("Service", service)], "spec", "ports")).items():
            assert (at(port, "port"), at(port, "targetPort")) == (PORTS[name], name)
    ingress = at(manifests()[("NetworkPolicy", "assay")], "spec", "ingress", 0, "ports")
    assert {str(at(port, "port")) for port in items(ingress)} == set(PORTS)
    published = [str(port) for port in items(at(compose_service(), "ports"))]
    assert published == [f"127.0.0.1:{port}:{port}" for port in PORTS.values()]
    assert f"EXPOSE {PORTS['grpc']} {PORTS['http']}\n" in dockerfile()


def test_the_headless_service_resolves_to_every_replica() -> None:
    assert at(manifests()[("Service", "assay-headless")], "spec", "clusterIP") == "None"


def test_probes_ask_what_the_server_answers() -> None:
    assert at(container(), "startupProbe", "grpc", "port") == PORTS["grpc"]
    assert at(container(), "readinessProbe", "grpc", "port") == PORTS["grpc"]
    assert at(container(), "livenessProbe", "httpGet") == {"path": "/livez", "port": "http"}


def test_settings_agree_everywhere() -> None:
    assert at(manifests()[("ConfigMap", "assay")], "data") == SERVE_SETTINGS
    assert dict(re.findall(r"(ASSAY_\w+)=(\S+)", dockerfile())) == SERVE_SETTINGS
    options = {name.removeprefix("ASSAY_").lower().replace("_", "-"): value for name, value in SERVE_SETTINGS.items()}
    command = [str(word) for word in items(at(compose_service(), "command"))]
    assert command == ["serve", *(f"--{name}={value}" for name, value in options.items())]
    assert re.findall(r"^VOLUME (.*)$", dockerfile(), re.MULTILINE) == [STATE]
    assert at(named(at(container(), "volumeMounts"))["data"], "mountPath") == STATE
    assert at(compose_service(), "volumes") == [f"assay-data:{STATE}"]


def test_images_agree() -> None:
    kustomization = cast("Yaml", yaml.safe_load((BASE / "kustomization.yaml").read_text()))
    [image] = items(at(kustomization, "images"))
    assert at(container(), "image") == at(image, "name")
    [version] = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert at(image, "newTag") == version
    assert at(compose_service(), "image") == f"{at(image, 'name')}:{version}"


def test_the_pod_is_restricted() -> None:
    assert at(pod(), "automountServiceAccountToken") is False
    context = mapping(at(pod(), "securityContext"))
    assert (context["runAsNonRoot"], context["runAsUser"], context["fsGroup"]) == (True, USER, USER)
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert at(container(), "securityContext") == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_compose_service_is_restricted() -> None:
    service = mapping(compose_service())
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == f"{USER}:{USER}"
    assert f"\nUSER {USER}:{USER}\n" in dockerfile()


def test_one_writer_and_time_to_drain() -> None:
    deployment = manifests()[("Deployment", "assay")]
    assert at(deployment, "spec", "replicas") == 1
    assert at(deployment, "spec", "strategy") == {"type": "Recreate"}
    assert at(pod(), "terminationGracePeriodSeconds") == 60
    assert at(compose_service(), "stop_grace_period") == "60s"


def test_service_links_do_not_leak_into_the_settings() -> None:
    # A service called assay would set ASSAY_PORT and others, which the server would read as its own.
    assert at(pod(), "enableServiceLinks") is False


def test_what_the_image_copies_is_in_its_context() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied: set[str] = set()
    for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile(), re.MULTILINE):
        copied.update(line.split()[:-1])
    assert copied == allowed
    assert all((ROOT / name).exists() for name in allowed)
