"""The image and the compose files agree with each other, with the manifests and with what the server offers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import yaml

from .rendering import Object, Objects, Yaml, at, items, mapping
from .workloads import MEMBERS, container_of, pod_of, settings_of

ROOT = Path(__file__).parents[2]
PORTS = {"grpc": 50051, "http": 8080}
STATE = "/var/lib/assay"
USER = 65532
SERVE_SETTINGS = {
    "ASSAY_LISTEN": "0.0.0.0:50051",
    "ASSAY_HTTP_LISTEN": "0.0.0.0:8080",
    "ASSAY_STORE": f"sqlite:{STATE}/assay.db",
}
PROBES = "127.0.0.1:8081"


def compose_service() -> Object:
    document = cast("Yaml", yaml.safe_load((ROOT / "deploy/compose.yaml").read_text()))
    return mapping(at(document, "services", "assay"))


def dockerfile() -> str:
    return (ROOT / "deploy/Dockerfile").read_text()


def test_ports_agree() -> None:
    published = [str(port) for port in items(compose_service()["ports"])]
    assert published == [f"127.0.0.1:{port}:{port}" for port in PORTS.values()]
    assert f"EXPOSE {PORTS['grpc']} {PORTS['http']}\n" in dockerfile()


def test_settings_agree(base: Objects) -> None:
    assert dict(re.findall(r"(ASSAY_\w+)=(\S+)", dockerfile())) == SERVE_SETTINGS | {"ASSAY_PROBE_LISTEN": PROBES}
    options = {name.removeprefix("ASSAY_").lower().replace("_", "-"): value for name, value in SERVE_SETTINGS.items()}
    command = [str(word) for word in items(compose_service()["command"])]
    assert command == ["serve", *(f"--{name}={value}" for name, value in options.items())]
    assert re.findall(r"^VOLUME (.*)$", dockerfile(), re.MULTILINE) == [STATE]
    assert compose_service()["volumes"] == [f"assay-data:{STATE}"]
    assert settings_of(base, "assay").listen == SERVE_SETTINGS["ASSAY_LISTEN"]


def test_images_agree(base: Objects) -> None:
    [version] = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert compose_service()["image"] == f"assay:{version}"
    assert {str(container_of(base, member)["image"]) for member in MEMBERS} == {f"assay:{version}"}
    fleet = cast("Yaml", yaml.safe_load((ROOT / "deploy/compose.fleet.yaml").read_text()))
    assert container_of(base, "assay-redis", "StatefulSet")["image"] == at(fleet, "services", "redis", "image")


def test_the_user_is_the_same_everywhere(base: Objects) -> None:
    assert compose_service()["user"] == f"{USER}:{USER}"
    assert f"\nUSER {USER}:{USER}\n" in dockerfile()
    for member in MEMBERS:
        context = mapping(pod_of(base, member)["securityContext"])
        assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (USER, USER, USER)


def test_the_compose_service_is_restricted() -> None:
    service = compose_service()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["stop_grace_period"] == "60s"


def test_the_fleets_workers_can_make_sandboxes_without_a_capability() -> None:
    services = mapping(at(cast("Yaml", yaml.safe_load((ROOT / "deploy/compose.fleet.yaml").read_text())), "services"))
    unconfined = ["seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"]
    for name in ("assay-1", "assay-2", "worker"):
        service = mapping(services[name])
        assert service["cap_drop"] == ["ALL"]
        added = unconfined if name == "worker" else []
        assert service["security_opt"] == ["no-new-privileges:true", *added]


def test_mirrors_are_arguments_without_a_value() -> None:
    arguments = re.findall(r"^ARG (\w+)(=.*)?$", dockerfile(), re.MULTILINE)
    assert {name: value for name, value in arguments if name.endswith(("URL", "MIRROR"))} == {
        "PIP_INDEX_URL": "",
        "PIP_EXTRA_INDEX_URL": "",
        "APT_MIRROR": "",
    }
    assert not re.search(r"https?://(?!127\.0\.0\.1)\w", dockerfile())


def test_what_the_image_copies_is_in_its_context() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied: set[str] = set()
    for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile(), re.MULTILINE):
        copied.update(line.split()[:-1])
    assert copied == allowed
    assert all((ROOT / name).exists() for name in allowed)
