"""A server that is sent what nobody would send."""
