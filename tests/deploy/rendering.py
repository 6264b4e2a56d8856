"""What Kustomize makes of a folder, as far as deploy/ uses it: any other field of a kustomization is an error.

Resources, components, a namespace, images, secrets from files, and patches of both kinds. Where there is a
``kubectl``, a test holds this against it.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias, cast

import yaml

Yaml: TypeAlias = "dict[str, Yaml] | list[Yaml] | str | int | bool | None"
Object: TypeAlias = "dict[str, Yaml]"
Key: TypeAlias = tuple[str, str]
Objects: TypeAlias = dict[Key, Object]

ACROSS_NAMESPACES = {"Namespace", "RuntimeClass"}
_MERGED_BY = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
}
_FIELDS = {
    "apiVersion",
    "kind",
    "namespace",
    "resources",
    "components",
    "images",
    "secretGenerator",
    "generatorOptions",
    "patches",
}


def at(value: Yaml, *path: str | int) -> Yaml:
    """What lies at a path of keys and indices; fails where something is missing."""
    for key in path:
        value = cast("dict[str | int, Yaml]", value)[key]
    return value


def mapping(value: Yaml) -> Object:
    """The value, which is a mapping."""
    assert isinstance(value, dict), value
    return value


def items(value: Yaml) -> list[Yaml]:
    """The value, which is a list."""
    assert isinstance(value, list), value
    return value


def named(value: Yaml) -> dict[str, Object]:
    """A list's items by their names."""
    return {str(at(item, "name")): mapping(item) for item in items(value)}


def key_of(item: Object) -> Key:
    """Kind and name."""
    return str(item["kind"]), str(at(item, "metadata", "name"))


def documents(text: str) -> list[Object]:
    """All documents of a YAML text."""
    return [mapping(cast("Yaml", item)) for item in yaml.safe_load_all(text) if item is not None]


def collected(found: list[Object]) -> Objects:
    """Objects by kind and name, none of which comes twice."""
    objects = {key_of(item): item for item in found}
    assert len(objects) == len(found), "an object comes twice"
    return objects


def render(folder: Path) -> Objects:
    """The objects that ``kubectl kustomize`` would print."""
    return _applied(folder, {})


def _applied(folder: Path, objects: Objects) -> Objects:
    [kustomization] = documents((folder / "kustomization.yaml").read_text())
    assert kustomization.keys() <= _FIELDS, kustomization.keys() - _FIELDS
    options = kustomization.get("generatorOptions", {"disableNameSuffixHash": True})
    assert options == {"disableNameSuffixHash": True}
    found = [*copy.deepcopy(list(objects.values())), *_resources(folder, _list(kustomization, "resources"))]
    objects = collected([*found, *(_secret(folder, spec) for spec in _list(kustomization, "secretGenerator"))])
    for component in _list(kustomization, "components"):
        objects = _applied(folder / str(component), objects)
    for patch in _list(kustomization, "patches"):
        _patch(objects, folder, mapping(patch))
    for image in _list(kustomization, "images"):
        _set_image(list(objects.values()), str(at(image, "name")), str(at(image, "newTag")))
    if "namespace" in kustomization:
        _set_namespace(objects, kustomization["namespace"])
    return objects


def _list(kustomization: Object, field: str) -> list[Yaml]:
    return items(kustomization.get(field, []))


def _resources(folder: Path, names: list[Yaml]) -> Iterator[Object]:
    for name in names:
        path = folder / str(name)
        yield from render(path).values() if path.is_dir() else documents(path.read_text())


def _secret(folder: Path, spec: Yaml) -> Object:
    pairs = [str(pair).split("=") for pair in items(at(spec, "files"))]
    data: Object = {name: base64.b64encode((folder / path).read_bytes()).decode() for name, path in pairs}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": at(spec, "name")},
        "type": "Opaque",
        "data": data,
    }


def _set_namespace(objects: Objects, namespace: Yaml) -> None:
    for (kind, name), item in objects.items():
        if kind not in ACROSS_NAMESPACES:
            mapping(item["metadata"])["namespace"] = namespace
        elif kind == "Namespace":
            assert name == namespace


def _set_image(values: list[Yaml] | list[Object], name: str, tag: str) -> None:
    for value in values:
        if isinstance(value, dict):
            if value.get("image") == name:
                value["image"] = f"{name}:{tag}"
            _set_image(list(value.values()), name, tag)
        elif isinstance(value, list):
            _set_image(value, name, tag)


def _patch(objects: Objects, folder: Path, patch: Object) -> None:
    assert patch.keys() <= {"path", "patch", "target"}, patch.keys()
    text = str(patch["patch"]) if "patch" in patch else (folder / str(patch["path"])).read_text()
    target = mapping(patch.get("target", {}))
    assert target.keys() <= {"kind", "name"}, target.keys()
    chosen = [key for key in objects if target and key == (target["kind"], target.get("name", key[1]))]
    parsed = cast("Yaml", list(yaml.safe_load_all(text)))
    if isinstance(first := at(parsed, 0), list):
        for key in chosen:
            for operation in first:
                _operate(objects[key], mapping(operation))
        return
    for part in documents(text):
        for key in chosen or ([] if target else [key_of(part)]):
            assert key in objects, f"a patch of {key}, which is not there"
            if part.get("$patch") == "delete":
                del objects[key]
            else:
                merge(objects[key], part)


def _operate(item: Object, operation: Object) -> None:
    """One operation of a JSON patch."""
    *path, last = [part.replace("~1", "/") for part in str(operation["path"]).split("/")[1:]]
    place = at(item, *(int(part) if part.isdecimal() else part for part in path))
    if isinstance(place, list):
        assert (operation["op"], last) == ("add", "-"), operation
        place.append(operation["value"])
    else:
        assert operation["op"] == "add" or (operation["op"] == "replace" and last in mapping(place)), operation
        mapping(place)[last] = operation["value"]


def merge(old: Object, new: Object) -> None:
    """A strategic merge: mappings grow together, lists of named things by their names, other lists are replaced."""
    for field, value in new.items():
        present = old.get(field)
        if value is None:
            old.pop(field, None)
        elif isinstance(present, dict) and isinstance(value, dict):
            merge(present, value)
        elif isinstance(present, list) and isinstance(value, list) and field in _MERGED_BY:
            _merge_lists(present, value, _MERGED_BY[field])
        else:
            old[field] = copy.deepcopy(value)


def _merge_lists(old: list[Yaml], new: list[Yaml], name: str) -> None:
    present = {at(item, name): mapping(item) for item in old}
    for item in new:
        if (known := present.get(at(item, name))) is not None:
            merge(known, mapping(item))
        else:
            old.append(copy.deepcopy(item))
