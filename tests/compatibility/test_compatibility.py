"""A client of the previous minor version is served as it was, and the contract takes nothing back."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from google.protobuf.any_pb2 import DESCRIPTOR as ANY
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.duration_pb2 import DESCRIPTOR as DURATION
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from assay_server.config import Settings
from assay_server.process import ServerProcess

from .contract import broken, present
from .freeze import unpacked
from .job import main
from .wire import CONTRACT, Call, frozen_calls, repeat

PREVIOUS = "17414b4"
"""The commit whose client is the previous minor version's."""

pytestmark = pytest.mark.asyncio(loop_scope="module")
JOB = str(Path(__file__).parent / "job.py")


def frozen() -> FileDescriptorSet:
    return FileDescriptorSet.FromString(CONTRACT.read_bytes())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[tuple[str, str]]:
    """Address and token of a server of this version."""
    token = tmp_path_factory.mktemp("compatibility") / "token"
    process = ServerProcess(Settings(listen="127.0.0.1:0", http_listen="", store="memory:", token_file=token))
    await process.start()
    yield process.address, token.read_text().strip()
    await process.drain()


# ---------------------------------------------------------------- the contract


async def test_the_contract_takes_nothing_back() -> None:
    assert broken(frozen(), present()) == []


def changed(name: str) -> FileDescriptorProto:
    found = FileDescriptorSet()
    found.CopyFrom(frozen())
    return next(file for file in found.file if file.name.endswith(f"{name}.proto"))


def with_change(file: FileDescriptorProto) -> list[str]:
    after = FileDescriptorSet(file=[file if one.name == file.name else one for one in frozen().file])
    return broken(frozen(), after)


def message_of(file: FileDescriptorProto, name: str) -> Sequence[FieldDescriptorProto]:
    return next(message.field for message in file.message_type if message.name == name)


async def test_what_breaks_an_older_client_is_seen() -> None:
    for change in ("type", "number", "name", "label", "gone"):
        file = changed("rollout")
        message = next(one for one in file.message_type if one.name == "Rollout")
        field = message.field[0]
        match change:
            case "type":
                field.type = FieldDescriptorProto.TYPE_BYTES
            case "number":
                field.number = 9000
            case "name":
                field.name = "another"
            case "label":
                field.label = FieldDescriptorProto.LABEL_REPEATED
            case _:
                del message.field[0]
        assert any("Rollout.rollout_id" in problem for problem in with_change(file)), change
    file = changed("rollout")
    file.enum_type[0].value[1].number = 77
    assert with_change(file)
    file = changed("reward_service")
    file.service[0].method[0].server_streaming = not file.service[0].method[0].server_streaming
    assert with_change(file)
    file = changed("rollout")
    file.message_type[0].field.add(name="new", number=9001, type=FieldDescriptorProto.TYPE_BOOL)
    assert with_change(file) == []


# ---------------------------------------------------------------- calls that were written down


def old_messages() -> DescriptorPool:
    """The messages as the previous minor version knows them."""
    pool = DescriptorPool()
    for known in (DURATION, ANY):
        pool.AddSerializedFile(known.serialized_pb)
    waiting = {file.name: file for file in frozen().file}
    while waiting:
        for name, file in list(waiting.items()):
            if not any(needed in waiting for needed in file.dependency):
                pool.AddSerializedFile(file.SerializeToString())
                del waiting[name]
    return pool


def facts(message: Message, path: str = "") -> Iterator[tuple[str, object]]:
    """What a caller reads in an answer, and what is the same each time; lists in the order they have."""
    for field, value in message.ListFields():
        here = f"{path}.{field.name}"
        if field.name in _NEW_EACH_TIME:
            continue
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            members = list(value) if field.is_repeated else [value]
            for number, member in enumerate(members):
                yield from facts(member, f"{here}[{number}]")
        else:
            yield here, _PINNED.sub("@", str(value))


_NEW_EACH_TIME = frozenset(
    {"timing", "server_version", "create_time", "evidence_json", "reward_digests", "details", "digest"}
)
_PINNED = re.compile(r"@[0-9a-f]{12,64}\b")
"""A definition's own digest: it is another one whenever the code is."""
_RESULTS = (".sample_results", ".group_results")


def told(pool: DescriptorPool, call: Call, answers: Sequence[bytes]) -> set[tuple[str, object]]:
    """The facts of all answers to a call; of a stream its results, in whichever messages they came."""
    service, _, method = call.path.strip("/").partition("/")
    kind = GetMessageClass(pool.FindServiceByName(service).methods_by_name[method].output_type)
    messages = [kind.FromString(answer) for answer in answers]
    if method != "StreamRollouts":
        return {fact for message in messages for fact in facts(message)}
    found: set[tuple[str, object]] = set()
    for message in messages:
        for name, inner in (("sample_results", "results"), ("group_results", "groups")):
            for result in getattr(getattr(message, name), inner):
                known = dict(facts(result))
                found |= {
                    (f"{known.get('.rollout_id') or known['.group_id']}{key}", value) for key, value in known.items()
                }
    return found


async def test_the_calls_of_the_previous_client_are_answered_as_they_were(server: tuple[str, str]) -> None:
    address, token = server
    pool, calls = old_messages(), frozen_calls()
    assert {call.path.rpartition("/")[2] for call in calls} >= {"Score", "CreateRun", "StreamRollouts", "RestoreRun"}
    async with grpc.aio.insecure_channel(address) as channel:
        for call in calls:
            now = told(pool, call, await repeat(channel, call, token))
            if call.answers:
                assert now >= told(pool, call, call.answers), call.path


# ---------------------------------------------------------------- the client itself


@pytest.mark.full
async def test_the_previous_client_does_its_job_as_the_present_does(server: tuple[str, str], tmp_path: Path) -> None:
    try:
        environment = unpacked(PREVIOUS, tmp_path)
    except subprocess.CalledProcessError:
        pytest.skip("this clone is shallow: the previous client is not in its history")
    process = await asyncio.create_subprocess_exec(
        sys.executable, JOB, *server, "previous", env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert json.loads(out) == json.loads(json.dumps(await asyncio.to_thread(main, *server, "present")))
