"""The pages of docs/reference, made from the contract, registries, commands, settings and docstrings."""
