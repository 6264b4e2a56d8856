"""Wrong programs that want to be taken for right ones.

The task: ``solve(n)`` returns the list of the first n squares. Each program is a :class:`tests.hostile.lies.lie.Lie`.
"""
