"""Which plugins are registered: per tenant, in the store, so that every replica and the next process has them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from assay_server.execution.catalogues import Catalogues
from assay_server.execution.plugin_files import BrokenPlugin, Definition
from assay_server.execution.plugin_records import Origin, PluginRecord, record_of
from assay_server.execution.registered.declarations import Declaration, NotDeclared, read_declaration, write_declaration
from assay_server.execution.registered.definitions import definition_of
from assay_server.execution.registered.processes import PluginProcesses
from assay_server.execution.registered.sources import PluginSource
from assay_server.store.protocol import Store, StoreUnavailable

MOST_PLUGINS = 128
"""That a tenant may have registered."""

_KIND = "plugin"
_PLACE = "registered by this tenant"
_MOST_TENANTS = 1024


class IdTaken(Exception):
    """The id means something else; ``digest`` is of what it means."""

    def __init__(self, id: str, digest: str) -> None:
        super().__init__(f"{id} exists with the digest {digest}; behaviour changes with the version in the id")
        self.digest = digest


class Reserved(Exception):
    """An id that would be taken for one of the server's own."""


class TooMany(Exception):
    """The tenant has registered as many plugins as it may."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A plugin as it lies in the store."""

    source: PluginSource
    declaration: Declaration

    def encode(self) -> bytes:
        """As it is stored."""
        body = {
            "source": self.source.text,
            "object": self.source.object_name,
            "declaration": write_declaration(self.declaration),
        }
        return json.dumps(body).encode()

    @classmethod
    def decode(cls, stored: bytes) -> Registered:
        """What :meth:`encode` wrote. Raises NotDeclared where another version's rules let it pass."""
        body = cast("Mapping[str, str]", json.loads(stored))
        return cls(PluginSource(body["source"], body["object"]), read_declaration(body["declaration"].encode()))


def _no_plugins() -> Mapping[str, Definition]:
    return {}


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a tenant.

    Attributes:
        ids: of its plugins in the store.
        definitions: those of them that can be used, by id.
        broken: the others, as they are listed.
    """

    catalogues: Catalogues
    ids: tuple[str, ...] = ()
    definitions: Mapping[str, Definition] = field(default_factory=_no_plugins)
    broken: tuple[PluginRecord, ...] = ()


class Registry:
    """The registered plugins of all tenants, beside what the server has of its own.

    Args:
        base: what every tenant can name.
        records: the same as it is listed.
    """

    def __init__(self, base: Catalogues, records: Sequence[PluginRecord], store: Store, hosts: PluginProcesses) -> None:
        self._base = base
        self._families = {_family(record.id): record for record in records if not record.broken}
        self._namespaces = {_namespace(record.id) for record in records if record.origin is Origin.BUILT_IN}
        self._own = {record.id: record for record in records if not record.broken}
        self._store = store
        self._hosts = hosts
        self._known: dict[str, _Known] = {}

    async def catalogues(self, tenant: str) -> Catalogues:
        """Everything that the tenant can name, as the store has it now. Raises StoreUnavailable."""
        return (await self._latest(tenant)).catalogues

    async def known_catalogues(self, tenant: str) -> Catalogues:
        """The same, or what was known last where the store cannot be asked.

        Raises:
            StoreUnavailable: nothing was known yet.
        """
        known = self._known.get(tenant)
        if known is None:
            return await self.catalogues(tenant)
        if not self._store.shared:
            return known.catalogues  # all that is registered is registered here
        try:
            return await self.catalogues(tenant)
        except StoreUnavailable:
            return known.catalogues

    async def records(self, tenant: str) -> list[PluginRecord]:
        """The tenant's plugins as they are listed. Raises StoreUnavailable."""
        known = await self._latest(tenant)
        return [*(record_of(one, Origin.RUN_TIME, _PLACE) for one in known.definitions.values()), *known.broken]

    async def declared(self, tenant: str, source: PluginSource) -> Definition:
        """A source's definition, which nothing but a sandbox has seen.

        Raises:
            BrokenSource: it cannot be used. Busy, WorkerLost, SandboxUnavailable.
        """
        declaration = await self._hosts.declared(tenant, source)
        return definition_of(self._hosts, tenant, source, declaration)

    def renew(self, tenant: str, source: PluginSource) -> None:
        """Have the next items run in processes that begin then."""
        self._hosts.forget(tenant, source)

    async def register(self, tenant: str, source: PluginSource) -> PluginRecord:
        """Have the tenant's runs know it from now on; the same source again changes nothing.

        Raises:
            IdTaken, Reserved, TooMany: it cannot be registered. StoreUnavailable; and as :meth:`declared`.
        """
        declaration = await self._hosts.declared(tenant, source)
        self._check_id(declaration.id)
        known = await self._latest(tenant)
        if declaration.id not in known.ids and len(known.ids) >= MOST_PLUGINS:
            raise TooMany(f"{len(known.ids)} plugins are registered, where a tenant may have {MOST_PLUGINS}")
        stored = Registered(source, declaration).encode()
        await self._store.put_objects(tenant, _KIND, {declaration.id: stored})
        (first,) = await self._store.get_objects(tenant, _KIND, [declaration.id])
        held = PluginSource("") if first is None else Registered.decode(first).source
        if held != source:  # somebody was there before
            raise IdTaken(declaration.id, held.digest)
        self._known.pop(tenant, None)
        definition = (await self._latest(tenant)).definitions[declaration.id]
        return record_of(definition, Origin.RUN_TIME, _PLACE)

    def _check_id(self, id: str) -> None:
        """Raise IdTaken, Reserved where it is, or looks like, something of the server's own."""
        if id in self._own:
            raise IdTaken(id, self._own[id].digest)
        if _family(id) in self._families:
            raise Reserved(f"{id} would be a version of {self._families[_family(id)].id}, which is the server's own")
        if _namespace(id) in self._namespaces:
            raise Reserved(f"the namespace {_namespace(id)!r} is that of built-ins; use one of your own")

    async def _latest(self, tenant: str) -> _Known:
        known = self._known.get(tenant)
        if known is not None and not self._store.shared:
            return known
        ids = tuple(await self._store.list_objects(tenant, _KIND))
        if known is None or known.ids != ids:
            known = await self._read(tenant, ids)
            while len(self._known) >= _MOST_TENANTS:
                del self._known[next(iter(self._known))]
            self._known[tenant] = known
        return known

    async def _read(self, tenant: str, ids: tuple[str, ...]) -> _Known:
        catalogues = self._base
        definitions: dict[str, Definition] = {}
        broken: list[PluginRecord] = []
        for name, stored in zip(ids, await self._store.get_objects(tenant, _KIND, ids), strict=True):
            if stored is None:
                continue
            try:
                registered = Registered.decode(stored)
                self._check_id(name)
                definition = definition_of(self._hosts, tenant, registered.source, registered.declaration)
                catalogues = catalogues.extended(name, [(definition, ())])
                definitions[name] = definition
            except (NotDeclared, BrokenPlugin, IdTaken, Reserved) as error:  # the operator has the name by now
                broken.append(PluginRecord(name, "", Origin.RUN_TIME, _PLACE, broken=str(error)))
        return _Known(catalogues, ids, definitions, tuple(broken))


def _family(id: str) -> str:
    return id.rpartition("-v")[0]


def _namespace(id: str) -> str:
    return id.partition("/")[0]
