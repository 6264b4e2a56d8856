"""Plugins that were registered while the server runs: their code is in sandboxes only, their declarations are here."""
