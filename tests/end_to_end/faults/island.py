"""A network of its own with two ways to here: one for clients, and one for Redis that can be cut."""

from __future__ import annotations

import os
import shutil
import subprocess
from types import TracebackType
from typing import Self

import pytest

_PROGRAMS = ("ip", "unshare", "nsenter")


class Island:
    """A network namespace; use it as a context manager. The test is skipped where there can be none.

    Attributes:
        within: what starts a command on the island.
        address: of the island, for clients here.
        redis_address: of this side, for who looks for Redis from the island.
    """

    def __init__(self) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can make network namespaces")
        missing = [name for name in _PROGRAMS if shutil.which(name) is None]
        if missing:
            pytest.skip(f"network namespaces need {', '.join(missing)} (packages iproute2 and util-linux)")
        number = os.getpid()
        self._links = {way: f"as{number}{way}" for way in ("c", "r")}
        network = f"198.18.{number % 256}"  # set aside for tests of networks
        self._addresses = {"c": (f"{network}.1/30", f"{network}.2/30"), "r": (f"{network}.5/30", f"{network}.6/30")}
        self.address = f"{network}.2"
        self.redis_address = f"{network}.5"

    def __enter__(self) -> Self:
        # who holds the namespace; it is gone when that process is, and the links with it
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo there; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._holder.stdout is not None
        self.within = ("nsenter", f"--net=/proc/{self._holder.pid}/ns/net")
        try:
            if not self._holder.stdout.readline():
                pytest.skip("this machine gives no network namespace")
            self._build()
        except subprocess.CalledProcessError as error:
            self._end()
            pytest.skip(f"no link into a network namespace can be made here: {error.stderr!r}")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def cut(self) -> None:
        """Let nothing through between the island and Redis; nobody is told."""
        _run("ip", "link", "set", self._links["r"], "down")

    def mend(self) -> None:
        """Let everything through again."""
        _run("ip", "link", "set", self._links["r"], "up")

    def _build(self) -> None:
        for way, link in self._links.items():
            here, there = self._addresses[way]
            peer = f"{link}x"
            _run("ip", "link", "add", link, "type", "veth", "peer", "name", peer, "netns", str(self._holder.pid))
            _run("ip", "address", "add", here, "dev", link)
            _run(*self.within, "ip", "address", "add", there, "dev", peer)
            _run("ip", "link", "set", link, "up")
            _run(*self.within, "ip", "link", "set", peer, "up")
        _run(*self.within, "ip", "link", "set", "lo", "up")

    def _end(self) -> None:
        self._holder.kill()
        self._holder.communicate()
        for link in self._links.values():  # the namespace lives on while a process of it does
            subprocess.run(["ip", "link", "delete", link], check=False, capture_output=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
