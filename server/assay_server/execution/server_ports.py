"""The ports of rewards that run on the server's loop."""

from __future__ import annotations

from collections.abc import Callable

from assay.sdk import Blobs, Judge, PortUnavailable, Sandbox, SqlRunner, Symbolic, Unscorable
from assay_server.execution.judge_account import ChargeableJudge, JudgeAccount
from assay_server.store.protocol import Store

_DEFAULT_TENANT = "local"


class StoredBlobs:
    """Blobs that the trainer sent."""

    def __init__(self, store: Store, tenant: str) -> None:
        self._store = store
        self._tenant = tenant

    async def get(self, sha256: str) -> bytes:
        """The bytes. Raises Unscorable (UNKNOWN_BLOB)."""
        (data,) = await self._store.get_objects(self._tenant, "blob", [sha256])
        if data is None:
            message = f"blob {sha256[:80]!r} is not known; send it with PutBlobs first"
            raise Unscorable("UNKNOWN_BLOB", message, retryable=True)
        return data


class ServerPorts:
    """Ports on the loop, those of one tenant; what this version does not have says so."""

    def __init__(
        self,
        store: Store,
        judge: ChargeableJudge | None = None,
        account: JudgeAccount | None = None,
        *,
        sandbox: Callable[[str], Sandbox] | None = None,
        sql: SqlRunner | None = None,
        tenant: str = _DEFAULT_TENANT,
    ) -> None:
        self._store = store
        self._sandbox_of = sandbox
        self._sandbox = None if sandbox is None else sandbox(tenant)
        self._sql = sql
        self._blobs = StoredBlobs(store, tenant)
        self._chargeable = judge
        self._judge = None if judge is None else judge.of(tenant, account)

    def of(self, tenant: str, account: JudgeAccount | None = None) -> ServerPorts:
        """The ports of a tenant, which see nothing of another's; ``account`` pays for judges."""
        return ServerPorts(
            self._store, self._chargeable, account, sandbox=self._sandbox_of, sql=self._sql, tenant=tenant
        )

    @property
    def symbolic(self) -> Symbolic:
        raise PortUnavailable("symbolic", "it computes; declare the reward with lane=Lane.CPU")

    @property
    def judge(self) -> Judge:
        if self._judge is None:
            raise PortUnavailable("judge", "the operator has named no endpoint in a catalogue of judges")
        return self._judge

    @property
    def sql(self) -> SqlRunner:
        if self._sql is None:
            raise PortUnavailable("sql", "this process runs no queries")
        return self._sql

    @property
    def sandbox(self) -> Sandbox:
        if self._sandbox is None:
            raise PortUnavailable("sandbox", "this process runs no programs")
        return self._sandbox

    @property
    def blobs(self) -> Blobs:
        return self._blobs
