"""What pods are told is what the processes understand: settings, ports, probes, names, metrics, times."""

from __future__ import annotations

import json

import pytest

from assay_server import process
from assay_server.api.http.access import OPEN_PATHS
from assay_server.api.http.probes import health_routes
from assay_server.api.principals import DEFAULT_TENANT
from assay_server.cli.app import app
from assay_server.config import Settings
from assay_server.execution.queue.protocol import Priority
from assay_server.execution.queue.redis_keys import GROUP, jobs_key
from assay_server.execution.queue.sandbox_jobs import LANE
from assay_server.metrics import Metrics
from assay_server.session_fleet import reached_at

from .rendering import Object, Objects, at, items, mapping, named
from .workloads import MEMBERS, POD_IP, SERVERS, container_of, environment, pod_of, settings_of

GRPC, HTTP, REDIS = 50051, 8080, 6379


def ports_of(container: Object) -> dict[str, int]:
    return {name: int(str(port["containerPort"])) for name, port in named(container.get("ports", [])).items()}


@pytest.mark.parametrize("member", MEMBERS)
def test_variables_are_settings_with_usable_values(objects: Objects, member: str) -> None:
    known = {f"ASSAY_{field.upper()}" for field in Settings.model_fields}
    assert environment(objects, member).keys() <= known
    settings = settings_of(objects, member)
    assert settings.store.startswith("redis://" if settings.store_ca is None else "rediss://")
    assert settings.records is not None


def test_servers_listen_where_the_ports_are(objects: Objects) -> None:
    for member in SERVERS:
        settings = settings_of(objects, member)
        assert (settings.listen, settings.http_listen) == (f"0.0.0.0:{GRPC}", f"0.0.0.0:{HTTP}")
        probe = {"probe": int(settings.probe_listen.rpartition(":")[2])} if settings.tls else {}
        assert ports_of(container_of(objects, member)) == {"grpc": GRPC, "http": HTTP, **probe}
        assert reached_at(settings.advertise, settings.listen) == f"[{POD_IP}]:{GRPC}"
    assert ports_of(container_of(objects, "assay-worker")) == {}
    assert ports_of(container_of(objects, "assay-redis", "StatefulSet")) == {"redis": REDIS}


def test_commands_are_the_products(base: Objects) -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    for member in MEMBERS:
        [command] = items(container_of(base, member)["args"])
        assert command in commands


def test_services_lead_to_ports_of_their_pods(objects: Objects) -> None:
    ports = {"grpc": GRPC, "http": HTTP, "redis": REDIS}
    for (kind, _), item in objects.items():
        if kind == "Service":
            for name, port in named(at(item, "spec", "ports")).items():
                assert (port["port"], port["targetPort"]) == (ports[name], name)
        elif kind == "Ingress":
            for rule in items(at(item, "spec", "rules")):
                for path in items(at(rule, "http", "paths")):
                    service = mapping(at(path, "backend", "service"))
                    known = named(at(objects["Service", str(service["name"])], "spec", "ports"))
                    assert at(service, "port", "name") in known


def test_headless_services_resolve_to_every_replica(base: Objects) -> None:
    for name in ("assay-headless", "assay-environments-headless"):
        assert at(base["Service", name], "spec", "clusterIP") == "None"


def test_probes_ask_what_is_answered(objects: Objects) -> None:
    served = {route.path for route in health_routes(lambda: True)}
    for member in SERVERS:
        container = container_of(objects, member)
        asks = [mapping(at(container, probe)) for probe in ("startupProbe", "readinessProbe", "livenessProbe")]
        over_http = [mapping(ask["httpGet"]) for ask in asks if "httpGet" in ask]
        assert {str(ask["path"]) for ask in over_http} <= served & OPEN_PATHS
        if settings_of(objects, member).tls is None:
            assert [ask.get("grpc") for ask in asks[:2]] == [{"port": GRPC}] * 2
            assert [ask["port"] for ask in over_http] == ["http"]
        else:  # the kubelet knows no authority and has no certificate
            assert [(ask["port"], ask["path"]) for ask in over_http] == [
                ("probe", "/readyz"), ("probe", "/readyz"), ("probe", "/livez"),
            ]  # fmt: skip
    assert not {key for key in container_of(objects, "assay-worker") if key.endswith("Probe")}


def test_what_is_drained_ends_before_it_is_killed(objects: Objects) -> None:
    for member in SERVERS:
        pod, container = pod_of(objects, member), container_of(objects, member)
        before = int(str(at(container, "lifecycle", "preStop", "sleep", "seconds")))
        last_words = process._LAST_WORDS_SECONDS  # pyright: ignore[reportPrivateUsage] - the time that has to be added
        needed = before + settings_of(objects, member).drain_seconds + last_words
        assert needed + 10 <= int(str(pod["terminationGracePeriodSeconds"]))
        assert at(objects["Deployment", member], "spec", "strategy", "rollingUpdate", "maxUnavailable") == 0


def test_folders_and_files_lie_on_volumes(objects: Objects) -> None:
    for member in MEMBERS:
        mounts = {
            str(at(mount, "mountPath")): str(at(mount, "name"))
            for mount in items(container_of(objects, member)["volumeMounts"])
        }
        settings = settings_of(objects, member)
        assert mounts[str(settings.records)] == "records"
        if member in SERVERS:
            [token] = items(pod_of(objects, member)["initContainers"])
            assert settings.token_file is not None
            assert mounts[str(settings.token_file.parent)] == "state"
            command = [str(word) for word in items(at(token, "command"))]
            assert command == ["install", "-m", "0600", "/run/secrets/assay/token", str(settings.token_file)]


def test_processes_are_as_many_as_the_pod_has_processors(base: Objects) -> None:
    for member, fields in (
        ("assay", ("cpu_workers", "sql_workers", "environment_workers")),
        ("assay-worker", ("sandbox_slots",)),
    ):
        requested = int(str(at(container_of(base, member), "resources", "requests", "cpu")))
        settings = settings_of(base, member).model_dump()
        assert {settings[field] for field in fields} == {requested}


def test_tls_is_on_where_it_is_asked_for(rendered: dict[str, Objects]) -> None:
    for variant, mutual in (("with/tls", False), ("with/mutual-tls", True)):
        objects = rendered[variant]
        for member in SERVERS:
            files = settings_of(objects, member).tls
            assert files is not None
            assert (files.client_ca is not None) is mutual
            mounts = {
                str(at(mount, "mountPath")): str(at(mount, "name"))
                for mount in items(container_of(objects, member)["volumeMounts"])
            }
            volume = named(pod_of(objects, member)["volumes"])[mounts[str(files.certificate.parent)]]
            mounted = {str(at(item, "path")) for item in items(at(volume, "secret", "items"))}
            assert {path.name for path in files.paths} <= mounted
            among_servers = settings_of(objects, member)
            assert among_servers.tls_peer_ca == files.certificate.with_name("ca.crt")
            assert "ca.crt" in mounted
            certificate = next(
                item
                for (kind, _), item in objects.items()
                if kind == "Certificate" and at(item, "spec", "secretName") == at(volume, "secret", "secretName")
            )
            answered = {str(name) for name in items(at(certificate, "spec", "dnsNames"))}
            component = at(objects["Deployment", member], "metadata", "labels", "app.kubernetes.io/component")
            services = {
                name
                for (kind, name), item in objects.items()
                if kind == "Service" and at(item, "spec", "selector", "app.kubernetes.io/component") == component
            }
            assert services | {among_servers.tls_peer_name} <= answered
            usages = {str(usage) for usage in items(at(certificate, "spec", "usages"))}
            assert usages >= {"server auth", *(["client auth"] if mutual else [])}
            assert {f"{name}.assay.svc" for name in services} <= answered
        assert ("Certificate", "assay-client") in objects or not mutual
    assert settings_of(rendered["base"], "assay").tls is None


@pytest.mark.parametrize(("overlay", "namespace"), [("dev", "assay-dev"), ("prod", "assay")])
def test_the_http_door_answers_to_the_names_it_is_called(
    rendered: dict[str, Objects], overlay: str, namespace: str
) -> None:
    objects = rendered[f"overlays/{overlay}"]
    hosts = set(settings_of(objects, "assay").http_hosts)
    assert hosts >= {"assay", f"assay.{namespace}", f"assay.{namespace}.svc", f"assay.{namespace}.svc.cluster.local"}
    for (kind, _), item in objects.items():
        if kind == "Ingress":
            assert {str(at(rule, "host")) for rule in items(at(item, "spec", "rules"))} <= hosts
            [tls] = items(at(item, "spec", "tls"))
            [certificate] = [other for (known, _), other in objects.items() if known == "Certificate"]
            assert at(certificate, "spec", "secretName") == at(tls, "secretName")
            assert at(certificate, "spec", "dnsNames") == at(tls, "hosts")
            issuer = mapping(at(certificate, "spec", "issuerRef"))
            assert (str(issuer["kind"]), str(issuer["name"])) in objects


def test_metrics_are_those_of_the_server(rendered: dict[str, Objects]) -> None:
    exposed = {line.split()[2] for line in Metrics().exposition().decode().splitlines() if line.startswith("# TYPE")}
    scaler = rendered["with/scale-on-in-flight"]["HorizontalPodAutoscaler", "assay"]
    names = [
        at(metric, "pods", "metric", "name")
        for metric in items(at(scaler, "spec", "metrics"))
        if at(metric, "type") == "Pods"
    ]
    assert names == ["assay_rollouts_in_flight"]
    assert set(names) <= exposed


def test_scrapers_find_each_kind_of_server_once(rendered: dict[str, Objects]) -> None:
    objects = rendered["with/service-monitor"]
    monitor = objects["ServiceMonitor", "assay"]
    [endpoint] = items(at(monitor, "spec", "endpoints"))
    assert at(endpoint, "path") in OPEN_PATHS
    with_port = [
        str(at(item, "spec", "selector", "app.kubernetes.io/component"))
        for (kind, _), item in objects.items()
        if kind == "Service" and at(endpoint, "port") in named(at(item, "spec", "ports"))
    ]
    assert sorted(with_port) == ["environments", "gateway"]


def test_workers_are_scaled_by_streams_that_are_written_to(rendered: dict[str, Objects]) -> None:
    objects = rendered["with/keda"]
    triggers = [mapping(item) for item in items(at(objects["ScaledObject", "assay-worker"], "spec", "triggers"))]
    for signal in ("lagCount", "streamLength"):
        streams = {
            str(at(trigger, "metadata", "stream")) for trigger in triggers if signal in mapping(trigger["metadata"])
        }
        assert streams == {jobs_key(DEFAULT_TENANT, LANE, priority) for priority in Priority}
    assert {str(mapping(trigger["metadata"]).get("consumerGroup", GROUP)) for trigger in triggers} == {GROUP}
    for trigger in triggers:
        assert ("TriggerAuthentication", str(at(trigger, "authenticationRef", "name"))) in objects
    assert ("HorizontalPodAutoscaler", "assay-worker") not in objects
    assert json.dumps(triggers).count("password") == 0
