"""Untrusted programs: isolation, supervisors, and the harnesses that run inside. Imports nothing of the server."""
