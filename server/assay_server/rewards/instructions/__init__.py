"""Verifiable instructions: what a response must contain, how long it may be, how it must be written."""
