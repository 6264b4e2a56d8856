"""Content-addressed tasks and blobs."""

from __future__ import annotations

from collections.abc import Mapping

from .transaction import Transaction


def put_objects(transaction: Transaction, tenant: str, kind: str, payloads: Mapping[str, bytes]) -> None:
    """See :meth:`Store.put_objects`."""
    for digest, payload in payloads.items():
        transaction.objects.add(tenant, kind, digest, payload)
