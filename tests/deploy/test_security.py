"""Who may do what: pods are restricted, the network is closed, secrets are nowhere and each role has its own."""

from __future__ import annotations

import base64
import re
import stat
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from assay_server.api.principals import load_or_create_token
from assay_server.store.protocol import StoreUnavailable
from assay_server.store.redis.connection import Server
from assay_server.store.redis.private_server import PrivateRedis, program

from .conftest import DEPLOY, VARIANTS
from .rendering import Object, Objects, Yaml, at, items, mapping
from .workloads import SECRETS, SERVERS, chosen_by, labels_of, pod_of, references, workloads

VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "secret", "projected", "downwardAPI"}
IN_A_USER_NAMESPACE = {"procMount", "seccompProfile", "appArmorProfile"}


def beyond_restricted(pod: Object) -> set[str]:
    """What a pod asks for that Kubernetes' profile ``restricted`` refuses, by field."""
    found = {field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field)}
    for volume in items(pod.get("volumes", [])):
        found |= mapping(volume).keys() - {"name"} - VOLUMES
    for part in [*items(pod.get("initContainers", [])), *items(pod["containers"])]:
        own = mapping(mapping(part).get("securityContext", {}))
        found |= _beyond(mapping(pod.get("securityContext", {})) | own)
        if any("hostPort" in mapping(port) for port in items(mapping(part).get("ports", []))):
            found.add("hostPort")
    return found


def _beyond(context: Object) -> set[str]:
    wanted: dict[str, tuple[Yaml, ...]] = {
        "privileged": (None, False),
        "allowPrivilegeEscalation": (False,),
        "runAsNonRoot": (True,),
        "procMount": (None, "Default"),
        "capabilities": ({"drop": ["ALL"]}, {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
    }
    found = {field for field, values in wanted.items() if context.get(field) not in values}
    profiles = (
        ("seccompProfile", ("RuntimeDefault", "Localhost")),
        ("appArmorProfile", (None, "RuntimeDefault", "Localhost")),
    )
    for field, kinds in profiles:
        if mapping(context.get(field, {})).get("type") not in kinds:
            found.add(field)
    if context.get("runAsUser") == 0:
        found.add("runAsUser")
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_pods_are_restricted(rendered: dict[str, Objects], variant: str) -> None:
    in_a_user_namespace = variant.startswith("overlays/") or variant == "with/worker-user-namespace"
    for (_, name), workload in workloads(rendered[variant]).items():
        pod = mapping(at(workload, "spec", "template", "spec"))
        if name == "assay-worker" and in_a_user_namespace:
            assert pod["hostUsers"] is False
            assert beyond_restricted(pod) == IN_A_USER_NAMESPACE
        else:
            assert beyond_restricted(pod) == set()
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
        for container in [*items(pod.get("initContainers", [])), *items(pod["containers"])]:
            assert at(container, "securityContext", "readOnlyRootFilesystem") is True
            assert at(container, "securityContext", "capabilities") == {"drop": ["ALL"]}
            assert mapping(at(container, "resources", "requests")).keys() == {"cpu", "memory"}
            assert "memory" in mapping(at(container, "resources", "limits"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("privileged", True),
        ("capabilities", {"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
        ("procMount", "Unmasked"),
        ("runAsUser", 0),
        ("seccompProfile", {"type": "Unconfined"}),
        ("allowPrivilegeEscalation", None),
    ],
)
def test_a_pod_that_asks_for_more_is_noticed(base: Objects, field: str, value: Yaml) -> None:
    pod = dict(pod_of(base, "assay-worker"))
    [container] = items(pod["containers"])
    context = {**mapping(at(container, "securityContext")), field: value}
    assert beyond_restricted({**pod, "containers": [{**mapping(container), "securityContext": context}]}) == {field}


def test_namespaces_admit_what_runs_in_them(rendered: dict[str, Objects]) -> None:
    for overlay in ("dev", "prod"):
        objects = rendered[f"overlays/{overlay}"]
        [namespace] = [item for (kind, _), item in objects.items() if kind == "Namespace"]
        labels = mapping(at(namespace, "metadata", "labels"))
        levels = [labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")]
        assert levels == ["privileged", "restricted", "restricted"]


def policies_of(objects: Objects, labels: Object) -> list[Object]:
    found = [mapping(item["spec"]) for (kind, _), item in objects.items() if kind == "NetworkPolicy"]
    return [policy for policy in found if chosen_by(mapping(policy["podSelector"]), labels)]


def reachable(objects: Objects, labels: Object) -> set[tuple[str, int]]:
    """Where pods with these labels may go: whom, and at which port."""
    found: set[tuple[str, int]] = set()
    for policy in policies_of(objects, labels):
        for rule in items(policy.get("egress", [])):
            for peer in items(at(rule, "to")):  # a rule without peers would be everywhere, and fails here
                pods = mapping(at(peer, "podSelector", "matchLabels"))
                whom = str(pods.get("app.kubernetes.io/component", pods.get("k8s-app")))
                found |= {(whom, int(str(at(port, "port")))) for port in items(at(rule, "ports"))}
    return found


def test_the_network_is_closed_but_for_what_is_needed(objects: Objects) -> None:
    for (_, name), workload in workloads(objects).items():
        labels = labels_of(workload)
        closed = {str(kind) for policy in policies_of(objects, labels) for kind in items(policy["policyTypes"])}
        assert closed == {"Ingress", "Egress"}
        expected = set[tuple[str, int]]() if name == "assay-redis" else {("redis", 6379), ("kube-dns", 53)}
        expected |= {("gateway", 50051), ("environments", 50051)} if name in SERVERS else set()
        assert reachable(objects, labels) == expected
        if name == "assay-worker":
            assert not any(policy.get("ingress") for policy in policies_of(objects, labels))


def test_redis_is_open_to_its_users_only(objects: Objects) -> None:
    redis = labels_of(workloads(objects)["StatefulSet", "assay-redis"])
    admitted: set[str] = set()
    for policy in policies_of(objects, redis):
        for rule in items(policy.get("ingress", [])):
            assert [at(port, "port") for port in items(at(rule, "ports"))] == [6379]
            for peer in map(mapping, items(at(rule, "from"))):
                if "namespaceSelector" in peer:
                    admitted.add(str(at(peer, "namespaceSelector", "matchLabels", "kubernetes.io/metadata.name")))
                else:
                    [who] = items(at(peer, "podSelector", "matchExpressions"))
                    admitted |= {str(value) for value in items(at(who, "values"))}
    expected = {"gateway", "environments", "worker"}
    assert admitted == (expected | {"keda"} if ("ScaledObject", "assay-worker") in objects else expected)


def test_each_role_sees_its_own_secrets(objects: Objects) -> None:
    seen = {
        name: {who for kind, who, _ in references(at(workload, "spec", "template", "spec")) if kind == "Secret"}
        for (_, name), workload in workloads(objects).items()
    }
    with_keys = "ASSAY_KEYS_FILE" in mapping(objects["ConfigMap", "assay"]["data"])
    server = {"assay-token", "assay-redis-gateway", *(["assay-keys"] if with_keys else [])}
    with_tls = "ASSAY_TLS_KEY" in mapping(objects["ConfigMap", "assay"]["data"])
    to_redis = {"assay-redis-tls"} if ("Certificate", "assay-redis") in objects else set[str]()
    assert seen == {
        "assay": server | to_redis | ({"assay-gateway-tls"} if with_tls else set()),
        "assay-environments": server | to_redis | ({"assay-environments-tls"} if with_tls else set()),
        "assay-worker": {"assay-redis-worker"} | to_redis,
        "assay-redis": {"assay-redis-users"} | to_redis,
    }


def test_only_redis_sees_its_key(objects: Objects) -> None:
    for (_, name), workload in workloads(objects).items():
        seen = {(secret, key) for _, secret, key in references(at(workload, "spec", "template", "spec"))}
        assert name == "assay-redis" or ("assay-redis-tls", "tls.key") not in seen


def test_no_secret_is_in_the_repository() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file() and "secrets" not in path.parts:
            text = path.read_text()
            assert "kind: Secret\n" not in text, path
            assert not re.search(r"rediss?://\w+:[^$\s%{]", text), path
            assert not re.search(r"[0-9a-f]{40}", text), path


def test_secrets_are_made_once_and_for_their_owner_alone(kustomize: Path, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    subprocess.run([kustomize / "make-secrets", folder, "elsewhere:6380"], check=True)
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in [folder, *folder.iterdir()]} == {0}
    assert (folder / ".gitignore").read_text() == "*\n"
    assert (folder / "worker-url").read_text().endswith("@elsewhere:6380/0")
    token = (folder / "token").read_bytes()
    assert load_or_create_token(folder / "token").encode() == token
    again = subprocess.run([kustomize / "make-secrets", folder], capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert (folder / "token").read_bytes() == token
    other = tmp_path / "other"
    subprocess.run([kustomize / "make-secrets", other, "rediss://elsewhere:6380"], check=True)
    assert (other / "worker-url").read_text().startswith("rediss://worker:")
    assert (other / "worker-url").read_text().endswith("@elsewhere:6380/0")
    assert (other / "token").read_bytes() != token


@pytest.fixture
def guarded(rendered: dict[str, Objects], kustomize: Path) -> Generator[tuple[PrivateRedis, dict[str, str]]]:
    """A Redis with the users of the dev overlay, and their passwords."""
    if program() is None:
        pytest.skip("redis-server is not installed")
    users = base64.b64decode(str(at(rendered["overlays/dev"]["Secret", "assay-redis-users"], "data", "users.acl")))
    secrets = kustomize / "overlays/dev/secrets"
    passwords = {role: (secrets / f"{role}-password").read_text() for role in ("gateway", "worker", "operator")}
    assert not any(password.encode() in users for password in passwords.values())
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        (Path(folder) / "users.acl").write_bytes(users)
        with PrivateRedis(Path(folder), users=Path(folder) / "users.acl") as server:
            yield server, passwords


async def test_the_users_of_redis_are_those_of_the_urls(guarded: tuple[PrivateRedis, dict[str, str]]) -> None:
    redis, passwords = guarded
    users = {role: Server(f"unix://{role}:{password}@{redis.socket}") for role, password in passwords.items()}
    stream = "local:queue:sandbox:normal"
    try:
        await users["gateway"].command("XADD", stream, "*", "job", "1")
        await users["worker"].command("XGROUP", "CREATE", stream, "workers", "0")
        await users["operator"].command("INFO")  # as the scaler of KEDA does
        assert await users["operator"].command("XLEN", stream) == 1
        assert await users["operator"].command("XINFO", "GROUPS", stream)
        for role, forbidden in (("worker", ("GET", "local:runs")), ("operator", ("XADD", stream, "*", "a", "b"))):
            with pytest.raises(StoreUnavailable, match="NoPermission"):
                await users[role].command(*forbidden)
    finally:
        for server in users.values():
            await server.close()


def test_the_page_lists_the_secrets() -> None:
    page = (DEPLOY.parent / "docs/kubernetes.md").read_text()
    for name, keys in SECRETS.items():
        [row] = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        assert all(f"`{key}`" in row for key in keys)
