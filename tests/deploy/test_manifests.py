"""The manifests are what Kubernetes reads, and what they refer to is there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest

from .conftest import COMPONENTS, DEPLOY, OVERLAYS, VARIANTS
from .rendering import Object, Objects, at, collected, documents, items, mapping, named, render
from .workloads import SECRETS, chosen_by, labels_of, references, workloads

KUBERNETES = ("1.33", "1.36")
BY_HAND = ("assay-redis-operator", "assay-keys", "assay-gateway-tls", "assay-environments-tls", "assay-redis-tls")
"""Secrets that no overlay makes."""

CUSTOM = {
    "ServiceMonitor": ("monitoring.coreos.com/v1", {"selector", "endpoints"}),
    "PrometheusRule": ("monitoring.coreos.com/v1", {"groups"}),
    "ScaledObject": ("keda.sh/v1alpha1", {"scaleTargetRef", "triggers"}),
    "TriggerAuthentication": ("keda.sh/v1alpha1", {"secretTargetRef"}),
    "Certificate": ("cert-manager.io/v1", {"secretName", "issuerRef"}),
    "Issuer": ("cert-manager.io/v1", set[str]()),
}
"""Kinds that Kubernetes does not know by itself: version, and what their specs need."""


def test_there_is_what_there_shall_be() -> None:
    assert OVERLAYS == ["dev", "prod"]
    assert {"cert-manager", "gvisor", "keda", "service-monitor"} <= set(COMPONENTS)


@pytest.mark.parametrize("variant", VARIANTS)
def test_rendering_is_kubectls(kustomize: Path, variant: str) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed: the renderer of the tests is not held against it")
    done = subprocess.run(
        ["kubectl", "kustomize", kustomize / variant], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    expected = collected(documents(done.stdout))
    for (kind, _), item in expected.items():
        if kind == "Secret":  # there it is printed in lines
            item["data"] = {key: "".join(str(value).split()) for key, value in mapping(item["data"]).items()}
    assert expected == render(kustomize / variant)


def test_the_base_needs_no_custom_resource(base: Objects) -> None:
    assert not {kind for kind, _ in base} & CUSTOM.keys()


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_object_is_valid(objects: Objects, version: str) -> None:
    for (kind, _), item in objects.items():
        if kind in CUSTOM:
            api_version, needed = CUSTOM[kind]
            assert item["apiVersion"] == api_version
            assert needed <= mapping(item["spec"]).keys()
        else:
            kubernetes_validate.validate(item, version, strict=True)


def test_certificates_are_issued_by_who_is_there(objects: Objects) -> None:
    made = {str(at(item, "spec", "secretName")) for (kind, _), item in objects.items() if kind == "Certificate"}
    for (kind, _), item in objects.items():
        spec = mapping(item.get("spec", {}))
        if kind == "Certificate":
            assert spec.keys() & {"dnsNames", "commonName"}
            assert ("Issuer", str(at(spec, "issuerRef", "name"))) in objects
        elif kind == "Issuer":
            [(way, how)] = spec.items()
            assert way in {"selfSigned", "ca"}
            assert way == "selfSigned" or at(how, "secretName") in made
    for (_, name), workload in workloads(objects).items():
        for _, secret, _ in references(at(workload, "spec", "template", "spec")):
            assert not secret.endswith("-tls") or secret in made, name


def test_a_misspelt_field_is_found(base: Objects) -> None:
    wrong: Object = {**base["PersistentVolumeClaim", "assay-records"], "sepc": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES[0], strict=True)


@pytest.mark.parametrize("folder", ["base", *(f"components/{name}" for name in COMPONENTS)])
def test_no_file_is_forgotten(folder: str) -> None:
    place = DEPLOY / "kustomize" / folder
    [kustomization] = documents((place / "kustomization.yaml").read_text())
    patches = [mapping(patch) for patch in items(kustomization.get("patches", []))]
    used = {str(name) for name in items(kustomization.get("resources", []))}
    used |= {str(patch["path"]) for patch in patches if "path" in patch}
    assert used | {"kustomization.yaml"} == {path.name for path in place.iterdir()}


def test_what_pods_refer_to_is_there(objects: Objects) -> None:
    for workload in workloads(objects).values():
        pod = at(workload, "spec", "template", "spec")
        for kind, name, key in references(pod):
            if kind == "Secret":
                assert key in SECRETS[name]
            else:
                assert (kind, name) in objects
        volumes = named(mapping(pod)["volumes"]).keys() | _claims(workload)
        mounted: set[str] = set()
        for container in [*items(mapping(pod).get("initContainers", [])), *items(at(pod, "containers"))]:
            mounted |= named(mapping(container)["volumeMounts"]).keys()
        assert mounted == volumes


def _claims(workload: Object) -> set[str]:
    return {
        str(at(claim, "metadata", "name")) for claim in items(mapping(workload["spec"]).get("volumeClaimTemplates", []))
    }


def test_secrets_that_are_made_have_what_is_read(rendered: dict[str, Objects]) -> None:
    made = {
        name: set(mapping(item["data"])) for (kind, name), item in rendered["overlays/dev"].items() if kind == "Secret"
    }
    assert made == {name: keys for name, keys in SECRETS.items() if name not in BY_HAND}


def test_selectors_mean_pods_that_are_there(objects: Objects) -> None:
    pods = [labels_of(workload) for workload in workloads(objects).values()]
    for workload in workloads(objects).values():
        assert at(workload, "spec", "selector", "matchLabels") == labels_of(workload)
        for rule in items(mapping(at(workload, "spec", "template", "spec")).get("topologySpreadConstraints", [])):
            assert at(rule, "labelSelector", "matchLabels") == labels_of(workload)
    for (kind, name), item in objects.items():
        if kind == "Service":
            assert sum(chosen_by({"matchLabels": at(item, "spec", "selector")}, pod) for pod in pods) == 1, name
        elif kind == "PodDisruptionBudget":
            assert sum(chosen_by(mapping(at(item, "spec", "selector")), pod) for pod in pods) == 1, name
        elif kind == "NetworkPolicy":
            assert any(chosen_by(mapping(at(item, "spec", "podSelector")), pod) for pod in pods), name


def test_autoscalers_scale_what_is_there(objects: Objects) -> None:
    scaled: list[str] = []
    for (kind, _), item in objects.items():
        if kind in ("HorizontalPodAutoscaler", "ScaledObject"):
            target = mapping(at(item, "spec", "scaleTargetRef"))
            workload = objects[str(target["kind"]), str(target["name"])]
            assert workload["apiVersion"] == target["apiVersion"]
            assert "replicas" not in mapping(workload["spec"]), "applying it again would undo what the autoscaler did"
            scaled.append(str(target["name"]))
    assert len(scaled) == len(set(scaled)), "two autoscalers fight over one"


def test_scaling_down_is_slow(base: Objects) -> None:
    for (kind, _), item in base.items():
        if kind == "HorizontalPodAutoscaler":
            down = at(item, "spec", "behavior", "scaleDown")
            assert int(str(at(down, "stabilizationWindowSeconds"))) >= 600
            assert [at(policy, "type") for policy in items(at(down, "policies"))] == ["Pods"]


def test_namespaces_are_the_overlays_own(rendered: dict[str, Objects]) -> None:
    for overlay, namespace in (("overlays/dev", "assay-dev"), ("overlays/prod", "assay")):
        found = [mapping(item["metadata"]).get("namespace") for item in rendered[overlay].values()]
        assert all(name in (namespace, None) for name in found)
        assert ("Namespace", namespace) in rendered[overlay]


def test_tests_render_what_they_claim_to(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("commonLabels: {a: b}\n")
    with pytest.raises(AssertionError, match="commonLabels"):
        render(tmp_path)
    (tmp_path / "patch.yaml").write_text("kind: Service\nmetadata: {name: nobody}\n")
    (tmp_path / "kustomization.yaml").write_text("patches: [{path: patch.yaml}]\n")
    with pytest.raises(AssertionError, match="nobody"):
        render(tmp_path)
