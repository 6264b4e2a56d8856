from __future__ import annotations

from pathlib import Path

import pytest

from assay_sandbox.namespaces.cgroups import Cgroups, CgroupsUnavailable, Tree, find_tree

V1_GROUPS = "4:memory:/own\n2:cpu,cpuacct:/\n8:pids:/gone\n0::/\n"


def machine(tmp_path: Path, groups: str, mounts: list[tuple[str, str]]) -> tuple[Path, Path]:
    """A /proc/self with a cgroup file, and a mounts file of (kind, options) with places named after the options."""
    proc = tmp_path / "proc"
    proc.mkdir()
    (proc / "cgroup").write_text(groups)
    lines = [f"cgroup {tmp_path / options.replace(',', '-')} {kind} rw,{options} 0 0" for kind, options in mounts]
    for _, options in mounts:
        (tmp_path / options.replace(",", "-")).mkdir()
    (tmp_path / "mounts").write_text("\n".join(["none / ext4 rw 0 0", *lines]))
    return proc, tmp_path / "mounts"


def test_version_1_is_found_at_the_own_place_of_each_hierarchy(tmp_path: Path):
    mounts = [("cgroup", "memory"), ("cgroup", "cpu,cpuacct"), ("cgroup", "pids")]
    proc, listed = machine(tmp_path, V1_GROUPS, mounts)
    (tmp_path / "memory/own").mkdir()
    tree = find_tree(proc, listed)
    assert tree.version == 1
    assert tree.folders == {
        "memory": tmp_path / "memory/own",
        "cpuacct": tmp_path / "cpu-cpuacct",
        "pids": tmp_path / "pids",  # the own group is of a host that is not visible: what is mounted is it
    }


def test_version_2_needs_its_controllers(tmp_path: Path):
    proc, listed = machine(tmp_path, "0::/service\n", [("cgroup2", "unified")])
    own = tmp_path / "unified/service"
    own.mkdir()
    (own / "cgroup.controllers").write_text("cpu io memory pids\n")
    with pytest.raises(FileNotFoundError):
        find_tree(proc, listed)  # the root of all is what can be divided
    (own.parent / "cgroup.type").write_text("domain\n")  # a container's: it is not the root of all
    assert find_tree(proc, listed) == Tree(2, {"": own})
    (own / "cgroup.controllers").write_text("cpu\n")
    with pytest.raises(CgroupsUnavailable, match="memory, pids"):
        find_tree(proc, listed)


def test_no_hierarchy_is_said(tmp_path: Path):
    proc, listed = machine(tmp_path, "0::/\n", [])
    with pytest.raises(CgroupsUnavailable, match="no cgroup file system"):
        find_tree(proc, listed)


def test_a_group_that_cannot_be_divided_is_said(tmp_path: Path):
    (tmp_path / "cgroup.subtree_control").mkdir()  # cannot be written
    with pytest.raises(CgroupsUnavailable, match="cannot be divided"):
        Cgroups(Tree(2, {"": tmp_path}))


def test_groups_of_servers_that_were_killed_are_removed(tmp_path: Path):
    gone = tmp_path / "assay-sandbox-999999999-abc-0"
    other = tmp_path / "assay-sandbox-1-abc-0"
    for folder in (gone, other, tmp_path / "elsewhere"):
        folder.mkdir()
    Cgroups(Tree(1, {"memory": tmp_path}))
    assert not gone.exists()
    assert other.exists()


def test_so_many_groups_as_were_needed_together_are_kept_up_to_a_bound():
    try:
        groups = Cgroups(find_tree())
        slots = [groups.take() for _ in range(20)]
    except CgroupsUnavailable as error:
        pytest.skip(f"does not apply: {error}")
    found = Path("/proc/self/fd")

    def open_files() -> int:
        return sum("assay-sandbox-" in str(entry.readlink()) for entry in found.iterdir() if entry.is_symlink())

    needed = open_files()
    for slot in slots:
        groups.give_back(slot, empty=True)
    assert open_files() == needed * 16 // 20
    groups.close()
    assert open_files() == 0
