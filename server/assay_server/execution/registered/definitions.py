"""Registered plugins as definitions like any other's, whose functions ask the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from assay.sdk import FinishedGroup, Lane, PluginDefinition, PluginKind, RewardDefinition, Sample, Score, Unscorable
from assay_server.execution.cpu.channel import Computed
from assay_server.execution.plugin_files import Definition
from assay_server.execution.registered.declarations import REWARD, Declaration
from assay_server.execution.registered.plain import Asked, encode_asked
from assay_server.execution.registered.processes import PluginProcesses
from assay_server.execution.registered.sources import PluginSource


def definition_of(hosts: PluginProcesses, tenant: str, source: PluginSource, declaration: Declaration) -> Definition:
    """The definition; its digest is over the source, which is the same wherever it is registered."""
    if declaration.kind == REWARD:
        return _reward(hosts, tenant, source, declaration)
    return _plugin(hosts, tenant, source, declaration)


def _reward(hosts: PluginProcesses, tenant: str, source: PluginSource, declaration: Declaration) -> RewardDefinition:
    async def score(sample: Sample, /, **bound: object) -> Score:
        def question(number: int) -> bytes:
            return encode_asked(Asked(number, bound, sample=sample))

        said = await hosts.said(tenant, source, declaration, question)
        if isinstance(said, Unscorable):
            raise said
        return cast("Score", said)  # whatever it is, the leaf checks it

    return RewardDefinition(
        id=declaration.id,
        function=cast("Callable[..., Score]", score),  # a coroutine function is awaited where it runs
        quick=None,
        wants_ports=False,
        parameters=declaration.parameters,
        minimum=declaration.minimum,
        maximum=declaration.maximum,
        binary=declaration.binary,
        lane=Lane.SANDBOX,
        aliases=(),
        required_signals=declaration.required_signals,
        reference_keys=declaration.reference_keys,
        source=declaration.source,
        deterministic=declaration.deterministic,
        doc=declaration.doc,
        digest=source.digest,
        parts=declaration.parts,
    )


def _plugin(hosts: PluginProcesses, tenant: str, source: PluginSource, declaration: Declaration) -> PluginDefinition:
    async def compute(groups: tuple[FinishedGroup, ...], /, **bound: object) -> Computed:
        def question(number: int) -> bytes:
            return encode_asked(Asked(number, bound, groups=groups))

        said = await hosts.said(tenant, source, declaration, question)
        if isinstance(said, Unscorable):
            raise said
        if not isinstance(said, Computed):
            raise Unscorable("REWARD_FAILED", f"{declaration.id} gave a score of one rollout for a group")
        return said

    return PluginDefinition(
        id=declaration.id,
        kind=PluginKind(declaration.kind),
        function=compute,
        quick=None,
        parameters=declaration.parameters,
        minimum=declaration.minimum,
        maximum=declaration.maximum,
        lane=Lane.SANDBOX,
        required_signals=declaration.required_signals,
        deterministic=declaration.deterministic,
        source=declaration.source,
        doc=declaration.doc,
        digest=source.digest,
    )
