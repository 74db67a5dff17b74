"""What Redis does in one piece, in its own language: looking, leading, writing.

Each script decides by Redis's clock, in microseconds since 1970. A number that is a text here is
one that Lua would round when it writes it.
"""

from __future__ import annotations

COMMON = """
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end
local function text(number) return string.format('%.0f', number) end
local function number(value) return tonumber(value or '0') or 0 end
"""

# KEYS identity, revision, budget. ARGV an identity for a store that has none.
# → identity, whether it was made now, revision, until when nothing is asked, now
LOOK = (
    COMMON
    + """
local made = 0
if not redis.call('GET', KEYS[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
  made = 1
end
return {redis.call('GET', KEYS[1]), made, number(redis.call('GET', KEYS[2])),
  number(redis.pcall('HGET', KEYS[3], 'quiet_until')), now()}
"""
)

# KEYS lease, fence, identity. ARGV the token that is held or nothing, how long a lease lasts in ms,
# the identity that is known or nothing: nobody leads a store that is another one by now.
# → the token that is held now, or nothing. A token is never older than one that was given out,
# also where a flush has made Redis forget which those were.
LEAD = (
    COMMON
    + """
local held = redis.call('GET', KEYS[1])
if ARGV[3] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[3] then return '' end
if ARGV[1] ~= '' then
  if held ~= ARGV[1] then return '' end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return held
end
if held then return '' end
local token = text(math.max(number(redis.call('GET', KEYS[2])) + 1, now()))
redis.call('SET', KEYS[2], token)
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
return token
"""
)

# KEYS a lease or a lock. ARGV what it holds where it is ours.
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

# KEYS lease, revision, changed, lock, what waits to be written. ARGV the leader's token or nothing,
# the lock's or nothing, whether it is a save, a channel, who saves; how many fields to set and
# then hash, field, value; how many to drop and then hash, field; and what has changed.
# → a save's revision, or 0; 'lost' where another process leads, 'late' where the lock has run out
WRITE = (
    COMMON
    + """
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
if ARGV[2] ~= '' and redis.call('GET', KEYS[4]) ~= ARGV[2] then return 'late' end
local waiting = redis.call('LLEN', KEYS[5])
for from = 0, waiting - 1, 300 do
  local part = redis.call('LRANGE', KEYS[5], from, from + 299)
  for at = 1, #part, 3 do redis.call('HSET', part[at], part[at + 1], part[at + 2]) end
end
if waiting > 0 then redis.call('DEL', KEYS[5]) end
local at = 7
for _ = 1, tonumber(ARGV[6]) do
  redis.call('HSET', ARGV[at], ARGV[at + 1], ARGV[at + 2])
  at = at + 3
end
local drops = tonumber(ARGV[at])
at = at + 1
for _ = 1, drops do
  redis.call('HDEL', ARGV[at], ARGV[at + 1])
  at = at + 2
end
local revision = 0
if ARGV[3] == '1' then
  revision = math.max(number(redis.call('GET', KEYS[2])) + 1, now())
  redis.call('SET', KEYS[2], text(revision))
  while at <= #ARGV do
    redis.call('ZADD', KEYS[3], text(revision), ARGV[at])
    at = at + 1
  end
  redis.call('PUBLISH', ARGV[4], text(revision) .. ' ' .. ARGV[5])
end
return text(revision)
"""
)
