"""Queries on the operator's databases: read-only, bounded, in processes that can be killed."""
