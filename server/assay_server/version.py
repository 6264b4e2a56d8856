"""The version of this server, as installed."""

from importlib.metadata import version

VERSION = version("assay-server")
