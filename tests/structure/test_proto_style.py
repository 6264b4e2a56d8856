"""buf's STANDARD rules and the AIP habits this contract follows, checked on the compiled descriptors."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet

ROOT = Path(__file__).parents[2]
GENERATOR = ROOT / ".venv-proto/bin/python"

pytestmark = pytest.mark.skipif(not GENERATOR.exists(), reason="the proto compiler is not installed: run make setup")

SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
PASCAL = re.compile(r"([A-Z][a-z0-9]*)+")
SERVICE = 6  # field numbers in FileDescriptorProto and ServiceDescriptorProto: the paths of source locations
METHOD = 2


def compile_protos(root: Path, out: Path) -> list[FileDescriptorProto]:
    protos = sorted(path.relative_to(root) for path in root.rglob("*.proto"))
    subprocess.run(
        [GENERATOR, "-m", "grpc_tools.protoc", "--proto_path=.", "--include_source_info", f"--descriptor_set_out={out}"]
        + [str(path) for path in protos],
        cwd=root,
        check=True,
    )
    return list(FileDescriptorSet.FromString(out.read_bytes()).file)


def messages(file: FileDescriptorProto) -> Iterator[DescriptorProto]:
    waiting = list(file.message_type)
    while waiting:
        message = waiting.pop()
        yield message
        waiting += [nested for nested in message.nested_type if not nested.options.map_entry]


def enums(file: FileDescriptorProto) -> Iterator[EnumDescriptorProto]:
    yield from file.enum_type
    for message in messages(file):
        yield from message.enum_type


def packages_are_folders_with_a_version(files: list[FileDescriptorProto]) -> Iterator[str]:
    for file in files:
        if Path(file.name).parent != Path(*file.package.split(".")):
            yield f"{file.name}: is not in the folder of package {file.package}"
        if not re.search(r"\.v[1-9]\d*$", file.package):
            yield f"{file.name}: package {file.package} has no version"
        if not SNAKE.fullmatch(Path(file.name).stem):
            yield f"{file.name}: is not lower_snake_case"


def names_have_their_case(files: list[FileDescriptorProto]) -> Iterator[str]:
    for file in files:
        for message in messages(file):
            if not PASCAL.fullmatch(message.name):
                yield f"{file.name}: message {message.name} is not PascalCase"
            for field in [*message.field, *(one for one in message.oneof_decl if not one.name.startswith("_"))]:
                if not SNAKE.fullmatch(field.name):
                    yield f"{file.name}: {message.name}.{field.name} is not lower_snake_case"


def enum_values_say_their_enum(files: list[FileDescriptorProto]) -> Iterator[str]:
    for file in files:
        for enum in enums(file):
            prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", enum.name).upper()
            if (enum.value[0].name, enum.value[0].number) != (f"{prefix}_UNSPECIFIED", 0):
                yield f"{file.name}: {enum.name} does not start with {prefix}_UNSPECIFIED = 0"
            for value in enum.value:
                if not value.name.startswith(prefix + "_"):
                    yield f"{file.name}: {value.name} does not start with {prefix}_"


def rpcs_have_requests_and_responses_of_their_own(files: list[FileDescriptorProto]) -> Iterator[str]:
    used: Counter[str] = Counter()
    for file in files:
        for service in file.service:
            if not (service.name.endswith("Service") and PASCAL.fullmatch(service.name)):
                yield f"{file.name}: service {service.name} is not named ...Service"
            for method in service.method:
                used.update([method.input_type, method.output_type])
                asked = (f".{file.package}.{method.name}Request", f".{file.package}.{method.name}Response")
                if (method.input_type, method.output_type) != asked:
                    yield f"{file.name}: {method.name} takes {method.input_type}, returns {method.output_type}"
    yield from (f"{name} is used {count} times" for name, count in used.items() if count > 1)


def services_and_rpcs_are_commented(files: list[FileDescriptorProto]) -> Iterator[str]:
    for file in files:
        commented = {tuple(place.path) for place in file.source_code_info.location if place.leading_comments.strip()}
        for i, service in enumerate(file.service):
            if (SERVICE, i) not in commented:
                yield f"{file.name}: {service.name} has no comment"
            for j, method in enumerate(service.method):
                if (SERVICE, i, METHOD, j) not in commented:
                    yield f"{file.name}: {service.name}.{method.name} has no comment"


RULES: list[Callable[[list[FileDescriptorProto]], Iterator[str]]] = [
    packages_are_folders_with_a_version,
    names_have_their_case,
    enum_values_say_their_enum,
    rpcs_have_requests_and_responses_of_their_own,
    services_and_rpcs_are_commented,
]

BREAKS_EVERY_RULE = """
syntax = "proto3";
package planted;
service Things {
  rpc Get(Thing) returns (Thing);
}
enum Colour { RED = 0; }
message Thing { string camelCase = 1; }
"""


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> list[FileDescriptorProto]:
    return compile_protos(ROOT / "proto", tmp_path_factory.mktemp("descriptors") / "set")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_contract_keeps_the_rule(
    contract: list[FileDescriptorProto], rule: Callable[[list[FileDescriptorProto]], Iterator[str]]
) -> None:
    assert list(rule(contract)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_finds_what_breaks_it(
    tmp_path: Path, rule: Callable[[list[FileDescriptorProto]], Iterator[str]]
) -> None:
    (tmp_path / "planted.proto").write_text(BREAKS_EVERY_RULE)
    assert list(rule(compile_protos(tmp_path, tmp_path / "set"))) != []
