"""What Redis runs: one script that is given what a worker wants and answers what it gets."""

from __future__ import annotations

from typing import Final

__all__ = ["HOLD_SCRIPT", "LEASE_SCRIPT"]

# Workers are few and places many, so the sorted set holds a lease for each worker (by its expiry) and the
# hash beside it says of how many places. Times are Redis's own: the clocks of the workers do not matter.
#
# A quota that nobody remembers, because Redis is new or was flushed, is not free: workers hold leases that it
# has forgotten. Until each has reported, or the last of those leases has expired, a worker gets no more than
# it holds already, or its reserve.
LEASE_SCRIPT: Final = """
local leases, places, since, hold = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local worker, wanted, held = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local limit, reserved, workers = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local lease_ms = tonumber(ARGV[7])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

for _, expired in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now)) do
    redis.call('ZREM', leases, expired)
    redis.call('HDEL', places, expired)
end

local present, of_others, with_reserves = 0, 0, 0
local all = redis.call('HGETALL', places)
for index = 1, #all, 2 do
    if all[index] ~= worker then
        local count = tonumber(all[index + 1])
        present = present + 1
        of_others = of_others + count
        with_reserves = with_reserves + math.max(count, reserved)
    end
end
local absent = math.max(0, workers - 1 - present)
local free = math.max(0, limit - with_reserves - absent * reserved)

redis.call('SET', since, now, 'NX')
if absent > 0 and now - tonumber(redis.call('GET', since)) < lease_ms then
    free = math.min(free, math.max(held, reserved))
end

local granted = math.min(wanted, free)
if wanted == 0 then
    redis.call('ZREM', leases, worker)
    redis.call('HDEL', places, worker)
else
    redis.call('ZADD', leases, now + lease_ms, worker)
    redis.call('HSET', places, worker, granted)
end
local forget_ms = 10 * lease_ms
for _, key in ipairs({leases, places, since}) do
    redis.call('PEXPIRE', key, forget_ms)
end
return {granted, of_others + granted, math.max(0, redis.call('PTTL', hold))}
"""

# The longest of several holds counts.
HOLD_SCRIPT: Final = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[1], '429', 'PX', ARGV[1])
end
return 0
"""
