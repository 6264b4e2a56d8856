"""A compose file brought up with plain docker commands: the part of the format that the project's files use.

A key that is not known here fails, so that nothing in a file is quietly left out.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import yaml

from .rendering import Object, Yaml, items, mapping

_READY_SECONDS = 120.0
_NOT_OF_A_CONTAINER = {"image", "build", "command", "depends_on", "deploy", "restart", "stop_grace_period"}
_FLAGS = {
    "ports": "--publish",
    "tmpfs": "--tmpfs",
    "cap_drop": "--cap-drop",
    "security_opt": "--security-opt",
    "user": "--user",
    "pids_limit": "--pids-limit",
}


class Composition:
    """The containers of a compose file, under the file's own names of services.

    Args:
        docker: the command and what it needs to find its daemon.
        variables: what the file's ``${NAME}`` stand for.
    """

    def __init__(self, docker: Sequence[str], path: Path, variables: Mapping[str, str]) -> None:
        self._docker = tuple(docker)
        self._folder = path.parent
        self._variables = variables
        document = mapping(cast("Yaml", yaml.safe_load(path.read_text())))
        self._name = str(document["name"])
        self._services = {name: mapping(service) for name, service in mapping(document["services"]).items()}
        self._volumes = list(mapping(document["volumes"]))

    def docker(self, *words: str) -> str:
        """What a docker command prints, its errors included."""
        command = [*self._docker, *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, f"docker {' '.join(words)}: {done.stdout[-4000:]}"
        return done.stdout

    def until_container_is_healthy(self, container: str) -> None:
        """Wait for the health check of a container that was started beside the file's."""
        end = time.monotonic() + _READY_SECONDS
        while (health := self._health(container)) != "healthy":
            assert time.monotonic() < end, f"{container} is {health}: {self.docker('logs', container)[-3000:]}"
            time.sleep(0.2)

    def containers(self, service: str) -> list[str]:
        """Names of a service's containers."""
        replicas = mapping(self._services[service].get("deploy", {})).get("replicas", 1)
        return [f"{self._name}-{service}-{number + 1}" for number in range(int(str(replicas)))]

    def up(self) -> None:
        """Start everything, what others wait for first, and wait until all that has a health check is healthy."""
        self.docker("network", "create", self._name)
        for volume in self._volumes:
            self.docker("volume", "create", f"{self._name}_{volume}")
        started: set[str] = set()
        while left := [name for name in self._services if name not in started]:
            ready = [name for name in left if set(mapping(self._services[name].get("depends_on", {}))) <= started]
            assert ready, f"{left} wait for each other"
            for name in ready:
                self._start(name)
            for name in ready:
                self.until_healthy(name)
            started.update(ready)

    def down(self) -> None:
        """Remove all of it."""
        for service in self._services:
            for container in self.containers(service):
                subprocess.run(
                    [*self._docker, "rm", "--force", "--volumes", container], capture_output=True, check=False
                )

    def logs(self, service: str) -> str:
        """What a service's containers have printed."""
        return "\n".join(self.docker("logs", container) for container in self.containers(service))

    def until_healthy(self, service: str) -> None:
        """Wait for the health check of a service, its image's own where it declares none."""
        end = time.monotonic() + _READY_SECONDS
        for container in self.containers(service):
            while (health := self._health(container)) not in ("healthy", "none"):
                assert time.monotonic() < end, f"{container} is {health}: {self.docker('logs', container)[-3000:]}"
                time.sleep(0.2)

    def _health(self, container: str) -> str:
        (found,) = json.loads(self.docker("inspect", container))
        state = found["State"]
        assert state["Running"], f"{container} has ended: {self.docker('logs', container)[-3000:]}"
        return str(state.get("Health", {}).get("Status", "none"))

    def _start(self, name: str) -> None:
        service = self._services[name]
        words: list[str] = ["--network", self._name, "--network-alias", name]
        for key, value in service.items():
            if key not in _NOT_OF_A_CONTAINER:
                words += self._options(key, value)
        command = [self._filled(str(word)) for word in items(service["command"])]
        for container in self.containers(name):
            self.docker("run", "--detach", "--name", container, *words, str(service["image"]), *command)

    def _options(self, key: str, value: Yaml) -> list[str]:
        match key:
            case "read_only":
                return ["--read-only"] if value else []
            case "environment":
                filled = {name: self._filled(str(text)) for name, text in mapping(value).items()}
                return [word for name, text in filled.items() for word in ("--env", f"{name}={text}")]
            case "volumes":
                return [word for volume in items(value) for word in ("--volume", self._volume(str(volume)))]
            case "healthcheck":
                return self._health_options(mapping(value))
            case _:
                values = value if isinstance(value, list) else [value]
                return [word for one in values for word in (_FLAGS[key], self._filled(str(one)))]

    def _health_options(self, check: Object) -> list[str]:
        if check.get("disable"):
            return ["--no-healthcheck"]
        kind, command = (str(word) for word in items(check["test"]))
        assert kind == "CMD-SHELL"
        limits = [f"--health-{key}={value}" for key, value in check.items() if key != "test"]
        return [f"--health-cmd={self._filled(command)}", *limits]

    def _volume(self, text: str) -> str:
        source, _, rest = text.partition(":")
        if source.startswith("."):
            return f"{(self._folder / source).resolve()}:{rest}"
        assert source in self._volumes, source
        return f"{self._name}_{source}:{rest}"

    def _filled(self, text: str) -> str:
        known = re.sub(r"(?<!\$)\$\{(\w+)(?::\?)?\}", lambda found: self._variables[found[1]], text)
        return known.replace("$$", "$")
