"""Freezes the present minor version when the next one begins: ``python -m tests.compatibility.freeze COMMIT``.

Writes the contract of a commit, and the calls that its client makes in ``job.py`` with what the present server answers.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import grpc

from .wire import CALLS, CONTRACT, FROZEN, Recorder

ROOT = Path(__file__).parents[2]
_CONTRACT = "from contract import present; import sys; sys.stdout.buffer.write(present().SerializeToString())"
_ASSAY = "import sys; from assay_server.cli import main; sys.exit(main())"
_TOKEN = "the key of the recording"


def unpacked(commit: str, folder: Path) -> dict[str, str]:
    """The client of a commit, as the environment that takes it first. Raises subprocess.CalledProcessError."""
    archive = subprocess.run(["git", "-C", ROOT, "archive", commit, "client"], check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return {**os.environ, "PYTHONPATH": str(folder / "client")}


def freeze(commit: str) -> None:
    """Write both files."""
    FROZEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = unpacked(commit, folder)
        here = {**environment, "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{environment['PYTHONPATH']}"}
        CONTRACT.write_bytes(
            subprocess.run([sys.executable, "-c", _CONTRACT], env=here, check=True, capture_output=True).stdout
        )
        (folder / "token").write_text(_TOKEN)
        (folder / "token").chmod(0o600)
        asyncio.run(_record(folder, environment))


async def _record(folder: Path, environment: dict[str, str]) -> None:
    settings = {
        "ASSAY_LISTEN": f"unix:{folder / 'door'}", "ASSAY_HTTP_LISTEN": "", "ASSAY_STORE": "memory:",
        "ASSAY_TOKEN_FILE": str(folder / "token"),
    }  # fmt: skip
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", _ASSAY, "serve", env={**os.environ, **settings})
    async with grpc.aio.insecure_channel(f"unix:{folder / 'door'}") as channel:
        await channel.channel_ready()
        recorder = Recorder(channel)
        before = grpc.aio.server()
        before.add_generic_rpc_handlers((recorder,))
        port = before.add_insecure_port("127.0.0.1:0")
        await before.start()
        job = [str(Path(__file__).parent / "job.py"), f"127.0.0.1:{port}", _TOKEN, "frozen"]
        process = await asyncio.create_subprocess_exec(sys.executable, *job, env=environment)
        async with asyncio.timeout(60.0):
            assert await process.wait() == 0
        await before.stop(5.0)
    server.terminate()
    await server.wait()
    kept = [call for call in recorder.calls if "EnvironmentService" not in call.path]  # whose ids are new each time
    for call in kept:
        if "/List" in call.path:
            call.answers.clear()  # catalogues grow
    CALLS.write_text("".join(call.line() + "\n" for call in kept))


if __name__ == "__main__":
    freeze(sys.argv[1])
