"""The shop: WebShop's task without Java, for thousands of sessions in a process."""

import inspect

from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.shop.environment import Shop
from assay_server.environments.shop.options import OPTIONS_SCHEMA

SHOP = EnvironmentDefinition(
    id="assay/shop-v1",
    make=Shop,
    summary="WebShop's task: search, read pages, choose options, buy what the instruction asks for.",
    options=OPTIONS_SCHEMA,
    aliases=("shop",),
    doc=inspect.getdoc(Shop) or "",
    goes_on=True,
)

__all__ = ["SHOP", "Shop"]
