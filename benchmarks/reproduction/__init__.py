"""Whether step groups help a small policy to learn long tasks: a plan, its runs, and their report."""
