"""The budget's half that runs in Redis: every limit, the lease and the ledger in one piece.

Calls are members of a sorted set, scored by Redis's clock in microseconds. Beside it are a version
that grows with each change, a generation that grows where something else than a new call has
changed, a refusal of upstream's, and until when nothing is asked.
"""

from __future__ import annotations

from stocktracker.fleet.scripts import COMMON

# KEYS lease, identity, calls, budget. `behind`: this process knows of calls that Redis does not,
# as it was emptied, its clock was set, or a replica took its place that had not heard of all.
LEDGER = (
    COMMON
    + """
local lease, identity, calls, budget = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local function is_readable()
  local one, other = redis.call('TYPE', calls).ok, redis.call('TYPE', budget).ok
  if (one ~= 'zset' and one ~= 'none') or (other ~= 'hash' and other ~= 'none') then
    return false
  end
  for _, name in ipairs({'version', 'generation', 'quiet_until', 'until'}) do
    local value = redis.call('HGET', budget, name)
    if value and not tonumber(value) then return false end
  end
  return true
end
local function field(name) return number(redis.call('HGET', budget, name)) end
local function set(name, value) redis.call('HSET', budget, name, text(value)) end
local function grow(name) set(name, field(name) + 1) end
local function begin(quiet)
  if field('version') == 0 then
    set('version', 1)
    set('generation', 1)
    set('quiet_until', now() + quiet)
  end
end
local function is_behind(known_identity, version, generation, newest)
  if known_identity ~= '' and redis.call('GET', identity) ~= known_identity then return true end
  if field('version') < tonumber(version) then return true end
  return newest ~= '' and field('generation') == tonumber(generation)
    and not redis.call('ZSCORE', calls, newest)
end
"""
)

# ARGV the identity, version, generation and newest call that are known, how long to be quiet where
# the ledger begins; and of the last look from when on calls are not known, version, generation.
# → 'unreadable' or 'behind'; or 'well', now, version, generation, until when it is quiet, the
# window that upstream refuses, until when, whether all calls follow or only new ones; the calls
LOAD = (
    LEDGER
    + """
if not is_readable() then return {'unreadable', now()} end
begin(ARGV[5])
if is_behind(ARGV[1], ARGV[2], ARGV[3], ARGV[4]) then return {'behind', now()} end
local version, generation = field('version'), field('generation')
local found = {'well', now(), version, generation, field('quiet_until'),
  redis.call('HGET', budget, 'window') or '', field('until')}
local all = generation ~= tonumber(ARGV[8])
found[8] = all and 1 or 0
if all then
  found[9] = redis.call('ZRANGE', calls, 0, -1, 'WITHSCORES')
elseif version ~= tonumber(ARGV[7]) then
  found[9] = redis.call('ZRANGEBYSCORE', calls, ARGV[6], '+inf', 'WITHSCORES')
else
  found[9] = {}
end
return found
"""
)

# ARGV the token; identity, version, generation, newest call; how long to be quiet; who spends, a
# number, and how many calls; how far back any window reaches; the pauses after a refusal for a
# second, a minute, a day; what time it should be, and by how much it may differ; and for each limit
# its count and how wide its window is.
# → 'unreadable', 'behind', 'lost', 'spent'; or 'well', now, whether it is the one call that looks,
# version, generation
SPEND = (
    LEDGER
    + """
if redis.call('GET', lease) ~= ARGV[1] then return {'lost', now()} end
if not is_readable() then return {'unreadable', now()} end
begin(ARGV[6])
if is_behind(ARGV[2], ARGV[3], ARGV[4], ARGV[5]) then return {'behind', now()} end
local at, count = now(), tonumber(ARGV[9])
if math.abs(at - ARGV[14]) > tonumber(ARGV[15]) then return {'behind', at} end
if at < field('quiet_until') then return {'spent', at} end
redis.call('ZREMRANGEBYSCORE', calls, '-inf', text(at - ARGV[10]))
local future = redis.call('ZRANGEBYSCORE', calls, '(' .. text(at), '+inf')
for _, call in ipairs(future) do redis.call('ZADD', calls, text(at), call) end
if #future > 0 then grow('generation') end
for limit = 16, #ARGV, 2 do
  local used = redis.call('ZCOUNT', calls, '(' .. text(at - ARGV[limit + 1]), '+inf')
  if used + count > tonumber(ARGV[limit]) then return {'spent', at} end
end
local window = redis.call('HGET', budget, 'window')
if window then
  if count > 1 or at < field('until') then return {'spent', at} end
  local pauses = {second = ARGV[11], minute = ARGV[12], day = ARGV[13]}
  set('until', at + (pauses[window] or ARGV[13]))
end
for one = 1, count do
  redis.call('ZADD', calls, text(at), ARGV[7] .. ':' .. (ARGV[8] + one))
end
grow('version')
return {'well', at, window and 1 or 0, field('version'), field('generation')}
"""
)

# ARGV the token; a window that upstream refuses, or nothing where it answers again; for how long.
CLOSE = (
    LEDGER
    + """
if redis.call('GET', lease) ~= ARGV[1] then return {'lost', now()} end
if not is_readable() then return {'unreadable', now()} end
if ARGV[2] == '' then
  redis.call('HDEL', budget, 'window', 'until')
else
  redis.call('HSET', budget, 'window', ARGV[2])
  set('until', now() + ARGV[3])
end
grow('version')
return {'well', now()}
"""
)

# ARGV the token; a call that never left its machine.
GIVE_BACK = (
    LEDGER
    + """
if redis.call('GET', lease) ~= ARGV[1] then return {'lost', now()} end
if not is_readable() then return {'unreadable', now()} end
redis.call('ZREM', calls, ARGV[2])
grow('version')
grow('generation')
return {'well', now()}
"""
)

# Adds and never takes away, so whoever knows of calls may tell. ARGV the version that was known;
# for how long to be quiet; a window that upstream refuses, until when; and for each call when it
# was taken, and itself.
JOIN = (
    LEDGER
    + """
if not is_readable() then redis.call('DEL', calls, budget) end
local at = now()
for call = 5, #ARGV, 2 do
  redis.call('ZADD', calls, 'GT', text(math.min(ARGV[call], at)), ARGV[call + 1])
end
if ARGV[3] ~= '' and tonumber(ARGV[4]) > field('until') then
  redis.call('HSET', budget, 'window', ARGV[3])
  set('until', ARGV[4])
end
set('quiet_until', math.max(field('quiet_until'), at + ARGV[2]))
set('version', math.max(field('version'), tonumber(ARGV[1])) + 1)
grow('generation')
return {'well', at}
"""
)
