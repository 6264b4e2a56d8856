"""The cpu lane: pure Python that may loop, allocate or crash, in worker processes that can be killed.

A template process is started before anything else of the server, with an environment of its own and nothing of the
server in its memory. It imports what rewards need once and then forks: a worker costs milliseconds.
"""
