"""Suites: what tests there are, who runs them, and the verdict that is made outside of what is tested."""
