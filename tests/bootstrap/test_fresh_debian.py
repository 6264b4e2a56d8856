"""The two commands of the README on a fresh Debian with python3, pip, make and git: as root and as a plain user.

The host's pip settings, certificates and proxies are handed in, so that the tree reaches the same package index.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.full

ROOT = Path(__file__).parents[2]
RELEASE = "bookworm"
PACKAGES = "python3,python3-pip,make,git,ca-certificates"
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MAX_SECONDS = 3600


def run(*command: str | Path, env: Mapping[str, str] | None = None) -> str:
    result = subprocess.run(
        command,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=MAX_SECONDS,
        check=False,
    )
    assert result.returncode == 0, f"{command[-1]} exited with {result.returncode}\n{result.stdout[-20_000:]}"
    return result.stdout


def host_environment() -> dict[str, str]:
    """What reaches the package index from here: pip's settings as PIP_ variables, proxies, certificates."""
    environment = {name: os.environ[name] for name in (*PROXIES, *CERTIFICATES) if name in os.environ}
    for line in run(sys.executable, "-m", "pip", "config", "list").splitlines():
        match = re.fullmatch(r"(global|install|:env:)\.([\w-]+)=('.*'|\".*\")", line)
        if match and match[2] != "config-file":
            environment[f"PIP_{match[2].upper().replace('-', '_')}"] = str(ast.literal_eval(match[3]))
    return environment


def local_paths(environment: Mapping[str, str]) -> Iterator[Path]:
    """Files and folders of this machine that the settings name."""
    for value in environment.values():
        for word in value.split():
            path = Path(word.removeprefix("file://"))
            if path.is_absolute() and path.exists():
                yield path


def debian_mirror() -> list[str]:
    """Where this host gets the release from; nothing = debootstrap's own default."""
    if shutil.which("apt-get") is None:
        return []
    listing = run("apt-get", "indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)", "Created-By: Packages")
    known = (line.split() for line in listing.splitlines())
    return [mirror for codename, component, mirror in known if (codename, component) == (RELEASE, "main")][:1]


@dataclass(frozen=True, slots=True)
class Debian:
    tree: Path
    user: str
    environment: dict[str, str]

    def make(self, target: str) -> str:
        """Runs a make target in the checkout, in mount and process namespaces that end with it.

        The tree becomes the root of its namespace: in a chroot the kernel gives nobody namespaces of their own.
        """
        home = "/root" if self.user == "root" else f"/home/{self.user}"
        variables = {**self.environment, "PATH": PATH, "HOME": home}
        folders = {Path(*path.parts[:3]) for path in local_paths(self.environment) if path.is_dir()}
        tree = shlex.quote(str(self.tree))
        script = [f"mount --bind {tree} {tree}", f"cd {tree}"]
        script += ["mount -t proc proc proc", "mount -t sysfs sysfs sys", "mount --rbind /dev dev"]
        for folder in sorted(folders):
            script += [f"mkdir -p .{folder}", f"mount --bind -o ro {folder} .{folder}"]
        inside = f"cd {home}/assay && exec make {target}"
        script += ["mkdir -p .host", "pivot_root . .host", "umount -l /.host", "rmdir /.host"]
        script += [f"exec chroot --userspec={self.user} / /usr/bin/env -i {assignments(variables)} sh -c '{inside}'"]
        return run("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", "\n".join(script))


def assignments(variables: Mapping[str, str]) -> str:
    return " ".join(shlex.quote(f"{name}={value}") for name, value in variables.items())


@pytest.fixture(scope="module")
def bare_tree() -> Path:
    """A tarball of the release with the packages, built once per machine."""
    if os.geteuid() != 0:
        pytest.skip("bootstrapping a Debian tree needs root")
    debootstrap = shutil.which("debootstrap", path=PATH)
    if debootstrap is None:
        pytest.skip("debootstrap is not installed")
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this root may not create namespaces, so no tree can be mounted")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "assay"
    cache.mkdir(parents=True, exist_ok=True)
    tarball = cache / f"debian-{RELEASE}.tar"
    if not tarball.exists():
        tree = cache / f"debian-{RELEASE}.building"
        shutil.rmtree(tree, ignore_errors=True)
        run(debootstrap, "--variant=minbase", f"--include={PACKAGES}", RELEASE, tree, *debian_mirror())
        run("tar", "--create", "--file", f"{tarball}.part", "--directory", tree, ".")
        Path(f"{tarball}.part").rename(tarball)
        shutil.rmtree(tree)
    return tarball


@pytest.fixture(scope="module", params=["root", "plain"])
def debian(
    request: pytest.FixtureRequest, bare_tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Debian]:
    user = str(request.param)
    tree = tmp_path_factory.mktemp(user) / "tree"
    tree.mkdir()
    run("tar", "--extract", "--file", bare_tree, "--directory", tree)
    if user != "root":
        run("chroot", tree, "useradd", "--create-home", user, env={"PATH": PATH})
    environment = host_environment()
    for path in [Path("/etc/resolv.conf"), Path("/etc/hosts"), *local_paths(environment)]:
        if path.is_file():
            (tree / path.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tree / path.relative_to("/"))
    checkout = tree / ("root" if user == "root" else f"home/{user}") / "assay"
    run("git", "clone", "--quiet", "--no-hardlinks", ROOT, checkout)
    run("chroot", tree, "chown", "-R", f"{user}:", f"/{checkout.relative_to(tree)}", env={"PATH": PATH})
    # pytest's folders are closed to others; the plain user enters the tree through them.
    for folder in [tree, *tree.parents[:2]]:
        folder.chmod(0o755)
    yield Debian(tree, user, environment)
    shutil.rmtree(tree)


def test_set_up_happens_once(debian: Debian) -> None:
    assert "building .venv" in debian.make("setup")
    assert debian.make("setup") == ""


def test_make_demo(debian: Debian) -> None:
    sys.stdout.write(debian.make("demo"))


def test_make_test(debian: Debian) -> None:
    output = debian.make("test")
    sys.stdout.write(output[-5000:])
    assert re.search(r"\d+ passed", output)
