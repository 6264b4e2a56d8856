"""The fake trainer at a small scale."""
