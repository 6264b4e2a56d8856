"""Names and scripts of the queue in Redis. Every key starts with its tenant."""

from __future__ import annotations

from urllib.parse import quote, unquote

from .protocol import Priority

GROUP = "workers"
KEEP_SECONDS = 3600

FINISH = """
-- KEYS jobs, replies; ARGV group, entry, job, status, body, keep seconds
local mine = redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
if mine == 1 then
  redis.call('XADD', KEYS[2], '*', 'job', ARGV[3], 'status', ARGV[4], 'body', ARGV[5])
  redis.call('EXPIRE', KEYS[2], ARGV[6])
end
return mine
"""
"""Answer a job and forget it: the first answer is the only one."""

BEAT = """
-- KEYS jobs; ARGV group, consumer, entry
local held = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if not held[1] or held[1][2] ~= ARGV[2] then return 0 end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID')
return 1
"""
"""Say that a job is being done, by who holds it."""

BURY = """
-- KEYS jobs, replies, dead; ARGV group, entry, job, status, body, keep seconds
local mine = redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
if mine == 1 then
  redis.call('XADD', KEYS[3], 'MAXLEN', '1000', '*', 'job', ARGV[3], 'body', ARGV[5])
  redis.call('EXPIRE', KEYS[3], 7 * 24 * 3600)
  redis.call('XADD', KEYS[2], '*', 'job', ARGV[3], 'status', ARGV[4], 'body', ARGV[5])
  redis.call('EXPIRE', KEYS[2], ARGV[6])
end
return mine
"""
"""Give a job up: it is answered with a status and kept aside for those who wonder."""


def jobs_key(tenant: str, lane: str, priority: Priority) -> str:
    """Stream of jobs of a tenant in one class."""
    return f"{quote(tenant, safe='')}:queue:{lane}:{priority.name.lower()}"


def jobs_pattern(lane: str) -> str:
    """All of a lane's streams of jobs."""
    return f"*:queue:{lane}:*"


def read_jobs_key(key: str) -> tuple[str, Priority]:
    """Tenant and class of a stream of jobs."""
    tenant, _, _, priority = key.rsplit(":", 3)
    return unquote(tenant), Priority[priority.upper()]


def dead_key(tenant: str, lane: str) -> str:
    """Stream of jobs that were given up."""
    return f"{quote(tenant, safe='')}:queue-dead:{lane}"


def replies_key(tenant: str, submitter: str) -> str:
    """Stream of answers to one process."""
    return f"{quote(tenant, safe='')}:replies:{submitter}"
