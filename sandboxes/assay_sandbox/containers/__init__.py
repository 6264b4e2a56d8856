"""The docker backend: a container for each run, started before there is one, and thrown away after it."""
