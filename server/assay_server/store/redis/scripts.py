"""What happens in Redis at once or not at all.

``head`` is a hash. ``seq`` is the number of the newest log entry and ``last`` its mark (counter and writer), which the
entry after it repeats: a log that lost its end and went on otherwise is not taken for the same. ``lease:WRITER`` is
``EXPIRY COUNTER``: when the writer's lease ends (milliseconds of Redis' own clock) and the number of its newest
operation. Whoever has no lease writes nothing: a process whose work passed to another is refused here, whatever it
believes.
"""

from __future__ import annotations

OK = 0
LEASE_ENDED = 1
LOG_CUT = 2

KEEP_SECONDS = 8 * 24 * 3600
"""An abandoned run's control state goes after this."""

_NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) "

APPEND = (
    """
-- KEYS head, log; ARGV writer, first counter, operations, lease ms, 1 if it joins, newest entry it has seen, data
local seq = tonumber(redis.call('HGET', KEYS[1], 'seq') or '0')
if seq < tonumber(ARGV[6]) then return {2, seq} end
local lease = redis.call('HGET', KEYS[1], 'lease:' .. ARGV[1])
if not lease and ARGV[5] == '0' then return {1, seq} end
local done = lease and tonumber(string.match(lease, ' (%d+)$')) or 0
local last = tonumber(ARGV[2]) + tonumber(ARGV[3]) - 1
if last > done then
  seq = seq + 1
  local before = redis.call('HGET', KEYS[1], 'last') or ''
  redis.call('XADD', KEYS[2], seq .. '-0', 'w', ARGV[1], 'c', ARGV[2], 'n', ARGV[3], 'p', before, 'd', ARGV[7])
  redis.call('HSET', KEYS[1], 'seq', seq, 'last', ARGV[2] .. ' ' .. ARGV[1])
  done = last
end
"""
    + _NOW
    + """
redis.call('HSET', KEYS[1], 'lease:' .. ARGV[1], string.format('%d %d', now + tonumber(ARGV[4]), done))
return {0, seq}
"""
)
"""Append operations, once however often it is sent, and renew the writer's lease."""

RENEW = (
    """
-- KEYS head, log, snapshot, record; ARGV writer, lease ms, newest entry it has seen, keep seconds
local seq = tonumber(redis.call('HGET', KEYS[1], 'seq') or '0')
if seq < tonumber(ARGV[3]) then return {2, seq} end
local lease = redis.call('HGET', KEYS[1], 'lease:' .. ARGV[1])
if not lease then return {1, seq} end
"""
    + _NOW
    + """
local done = string.match(lease, ' (%d+)$')
redis.call('HSET', KEYS[1], 'lease:' .. ARGV[1], string.format('%d ', now + tonumber(ARGV[2])) .. done)
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[4]) end
return {0, seq}
"""
)
"""Keep a lease that nobody has taken over, even where its time has passed."""

EXPIRED = (
    """
-- KEYS head
"""
    + _NOW
    + """
local found = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local writer = string.match(all[i], '^lease:(.*)$')
  if writer and tonumber(string.match(all[i + 1], '^(%d+)')) < now then found[#found + 1] = writer end
end
return found
"""
)
"""Writers whose leases have ended."""

TAKE_OVER = (
    """
-- KEYS head, log; ARGV writer that is gone, data
local lease = redis.call('HGET', KEYS[1], 'lease:' .. ARGV[1])
if not lease then return 0 end
"""
    + _NOW
    + """
if tonumber(string.match(lease, '^(%d+)')) >= now then return 0 end
redis.call('HDEL', KEYS[1], 'lease:' .. ARGV[1])
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
local before = redis.call('HGET', KEYS[1], 'last') or ''
redis.call('XADD', KEYS[2], seq .. '-0', 'w', '', 'c', seq, 'n', 1, 'p', before, 'd', ARGV[2])
redis.call('HSET', KEYS[1], 'last', seq .. ' ')
return seq
"""
)
"""End an expired lease for good, and say in the log who takes over."""

LEAVE = """
-- KEYS head, log; ARGV writer, data
if redis.call('HDEL', KEYS[1], 'lease:' .. ARGV[1]) == 0 then return 0 end
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
local before = redis.call('HGET', KEYS[1], 'last') or ''
redis.call('XADD', KEYS[2], seq .. '-0', 'w', '', 'c', seq, 'n', 1, 'p', before, 'd', ARGV[2])
redis.call('HSET', KEYS[1], 'last', seq .. ' ')
return seq
"""
"""Give one's lease back."""

REPAIR = """
-- KEYS head, log; ARGV of each entry: number, writer, counter, operations, mark of the one before, data
local seq = tonumber(redis.call('HGET', KEYS[1], 'seq') or '0')
local last = redis.call('HGET', KEYS[1], 'last') or ''
for i = 1, #ARGV, 6 do
  if tonumber(ARGV[i]) == seq + 1 then
    if ARGV[i + 4] ~= last then return 0 end
    seq = seq + 1
    last = ARGV[i + 2] .. ' ' .. ARGV[i + 1]
    redis.call('XADD', KEYS[2], seq .. '-0', 'w', ARGV[i + 1], 'c', ARGV[i + 2], 'n', ARGV[i + 3], 'p', ARGV[i + 4],
      'd', ARGV[i + 5])
    redis.call('HSET', KEYS[1], 'seq', seq, 'last', last)
    local field = 'lease:' .. ARGV[i + 1]
    local lease = redis.call('HGET', KEYS[1], field)
    if lease then
      local done = tonumber(ARGV[i + 2]) + tonumber(ARGV[i + 3]) - 1
      redis.call('HSET', KEYS[1], field, string.match(lease, '^(%d+)') .. string.format(' %d', done))
    end
  end
end
return seq
"""
"""Put entries back that the log lost with Redis' last moments."""

SNAPSHOT = """
-- KEYS head, log, snapshot; ARGV entry number, blob, entries to keep
local seq = tonumber(ARGV[1])
if seq <= tonumber(redis.call('HGET', KEYS[1], 'snapshot') or '0') then return 0 end
redis.call('HSET', KEYS[1], 'snapshot', seq)
redis.call('SET', KEYS[3], ARGV[2])
redis.call('XTRIM', KEYS[2], 'MINID', math.max(seq + 1 - tonumber(ARGV[3]), 0) .. '-0')
return 1
"""
"""Keep what came of the log up to an entry, and forget the entries that nobody needs."""

LEASES = (
    """
-- KEYS head
"""
    + _NOW
    + """
local held = 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.match(all[i], '^lease:') and tonumber(string.match(all[i + 1], '^(%d+)')) >= now then held = held + 1 end
end
return held
"""
)
"""How many writers hold a lease that has not ended."""

REMOVE_RUN = (
    """
-- KEYS head, log, snapshot, record, runs; ARGV run id
"""
    + _NOW
    + """
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.match(all[i], '^lease:') and tonumber(string.match(all[i + 1], '^(%d+)')) >= now then return 0 end
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('ZREM', KEYS[5], ARGV[1])
return 1
"""
)
"""Forget a run that nobody works on."""

CREATE_RUN = """
-- KEYS record, runs; ARGV run id, spec digest, spec
local known = redis.call('HMGET', KEYS[1], 'digest', 'spec')
if known[1] then return {0, known[1], known[2]} end
redis.call('HSET', KEYS[1], 'digest', ARGV[2], 'spec', ARGV[3])
local t = redis.call('TIME')
redis.call('ZADD', KEYS[2], 'NX', t[1] * 1000000 + t[2], ARGV[1])
return {1, ARGV[2], ARGV[3]}
"""
"""Make a run where there is none."""
