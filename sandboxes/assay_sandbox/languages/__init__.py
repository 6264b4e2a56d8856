"""Programming languages: how each is compiled and run, and what it needs from the machine."""
