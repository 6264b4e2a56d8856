"""What runs: the pods of Deployments and StatefulSets, what they are given and what they refer to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from unittest.mock import patch

from assay_server.config import Settings

from .rendering import Key, Object, Objects, Yaml, at, items, mapping, named

SECRETS = {
    "assay-token": {"token"},
    "assay-keys": {"keys.json"},
    "assay-redis-gateway": {"url"},
    "assay-redis-worker": {"url"},
    "assay-redis-users": {"users.acl"},
    "assay-redis-operator": {"address", "username", "password"},
    "assay-gateway-tls": {"tls.crt", "tls.key", "ca.crt"},
    "assay-environments-tls": {"tls.crt", "tls.key", "ca.crt"},
    "assay-redis-tls": {"tls.crt", "tls.key", "ca.crt"},
}
"""Secrets that an operator or cert-manager makes, and their keys; docs/kubernetes.md lists them."""

POD_IP = "fd00::7"

SERVERS = ("assay", "assay-environments")
MEMBERS = (*SERVERS, "assay-worker")


def workloads(objects: Objects) -> dict[Key, Object]:
    """What has pods."""
    return {key: item for key, item in objects.items() if key[0] in ("Deployment", "StatefulSet")}


def pod_of(objects: Objects, name: str, kind: str = "Deployment") -> Object:
    """The pod that a workload makes."""
    return mapping(at(objects[kind, name], "spec", "template", "spec"))


def container_of(objects: Objects, name: str, kind: str = "Deployment") -> Object:
    """The only container that stays."""
    [only] = items(pod_of(objects, name, kind)["containers"])
    return mapping(only)


def labels_of(workload: Object) -> Object:
    """The labels of its pods."""
    return mapping(at(workload, "spec", "template", "metadata", "labels"))


def chosen_by(selector: Object, labels: Object) -> bool:
    """Whether a label selector means an object with these labels."""
    assert selector.keys() <= {"matchLabels", "matchExpressions"}, selector.keys()
    for expression in items(selector.get("matchExpressions", [])):
        assert at(expression, "operator") == "In"
        if labels.get(str(at(expression, "key"))) not in items(at(expression, "values")):
            return False
    return mapping(selector.get("matchLabels", {})).items() <= labels.items()


def environment(objects: Objects, name: str) -> dict[str, str]:
    """The variables of a member's container, secrets with a stand-in."""
    container = container_of(objects, name)
    found: dict[str, str] = {}
    for source in items(container["envFrom"]):
        data = mapping(objects["ConfigMap", str(at(source, "configMapRef", "name"))]["data"])
        found |= {key: str(value) for key, value in data.items()}
    for key, variable in named(container["env"]).items():
        assert key not in found, f"{key} is set twice"
        found[key] = _value(mapping(variable["valueFrom"]), container, "ASSAY_STORE_CA" in found)
    return found


def _value(source: Object, container: Object, over_tls: bool) -> str:
    if "secretKeyRef" in source:
        return f"{'rediss' if over_tls else 'redis'}://user:password@assay-redis:6379/0"
    if source == {"fieldRef": {"fieldPath": "status.podIP"}}:
        return POD_IP
    assert source == {"resourceFieldRef": {"resource": "requests.cpu"}}
    return str(_cores(str(at(container, "resources", "requests", "cpu"))))


def _cores(quantity: str) -> int:
    """As Kubernetes counts them for a container: whole ones, rounded up."""
    return -(-int(quantity[:-1]) // 1000) if quantity.endswith("m") else int(quantity)


def settings_of(objects: Objects, name: str) -> Settings:
    """The settings as the member's process would read them."""
    with patch.dict(os.environ, environment(objects, name), clear=True):
        os.environ["HOME"] = "/var/lib/assay"
        return Settings()


def references(pod: Yaml) -> Iterator[tuple[str, str, str | None]]:
    """Kind, name and key of what a pod refers to; no key where the whole object is meant."""
    spec = mapping(pod)
    yield "ServiceAccount", str(spec["serviceAccountName"]), None
    for volume in items(spec.get("volumes", [])):
        yield from _of_volume(mapping(volume))
    for container in [*items(spec.get("initContainers", [])), *items(spec["containers"])]:
        for source in items(mapping(container).get("envFrom", [])):
            yield "ConfigMap", str(at(source, "configMapRef", "name")), None
        for variable in items(mapping(container).get("env", [])):
            if (secret := mapping(at(variable, "valueFrom")).get("secretKeyRef")) is not None:
                yield "Secret", str(at(secret, "name")), str(at(secret, "key"))
    if "runtimeClassName" in spec:
        yield "RuntimeClass", str(spec["runtimeClassName"]), None


def _of_volume(volume: Object) -> Iterator[tuple[str, str, str | None]]:
    if "secret" in volume:
        for item in items(at(volume, "secret", "items")):
            yield "Secret", str(at(volume, "secret", "secretName")), str(at(item, "key"))
    elif "persistentVolumeClaim" in volume:
        yield "PersistentVolumeClaim", str(at(volume, "persistentVolumeClaim", "claimName")), None
    else:
        assert "emptyDir" in volume, volume
