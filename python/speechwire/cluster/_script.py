"""What Redis runs: one script that is given what a worker wants and answers what it gets."""

from __future__ import annotations

from typing import Final

__all__ = ["HOLD_SCRIPT", "LATE", "LEASE_SCRIPT"]

LATE: Final = -1
"""In place of the places granted: a later request of the same worker has been answered already."""

# All is in one hash, so that no part of it can be lost alone: for each worker when its lease expires, of how
# many places it is, and the number of the request; and since when, and in which run of Redis, it is known.
# Times are Redis's own: the clocks of the workers do not matter.
#
# A quota that nobody remembers is not free: workers hold leases that Redis has forgotten, and connections
# whose leases have expired. That is so when Redis is new or was flushed, when it was started again with what
# it had saved some time ago or was replaced by a replica, and when no lease was renewed for a while. Until
# each worker has reported, or a lease's time has passed, a worker gets no more than it has, or its reserve.
#
# Connections that are open count, with a lease or without. Nobody gets less than it has, if it wants that:
# this is accounted for already, also where there are more workers than `workers` while they are replaced.
LEASE_SCRIPT: Final = """
local leases, hold = KEYS[1], KEYS[2]
local worker, wanted, held, taken = 'of ' .. ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local limit, reserved, workers = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local lease_ms, number = tonumber(ARGV[8]), tonumber(ARGV[9])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or 'unknown'

local since, in_run = string.match(redis.call('HGET', leases, 'since') or '', '^(%d+) (%w+)$')
if in_run ~= run then
    redis.call('DEL', leases)
end
local own, own_number, present, of_others, with_reserves = 0, -1, 0, 0, 0
local all = redis.call('HGETALL', leases)
for index = 1, #all, 2 do
    local expiry, places, asked = string.match(all[index + 1], '^(%d+) (%d+) (%d+)$')
    if all[index] == 'since' then
        expiry = nil
    elseif not expiry or tonumber(expiry) <= now then
        redis.call('HDEL', leases, all[index])
    elseif all[index] == worker then
        own, own_number = tonumber(places), tonumber(asked)
    else
        present = present + 1
        of_others = of_others + places
        with_reserves = with_reserves + math.max(places, reserved)
    end
end
if number <= own_number then
    return {-1, of_others + own, 0}
end
if in_run ~= run or (present == 0 and own_number < 0) then
    since = now
    redis.call('HSET', leases, 'since', string.format('%.0f %s', now, run))
end

local absent = math.max(0, workers - 1 - present)
local free = limit - with_reserves - absent * reserved
if absent > 0 and now - since < lease_ms then
    free = math.min(free, math.max(held, taken, reserved))
end
local granted = 0
if wanted == 0 then
    redis.call('HDEL', leases, worker)
else
    granted = math.max(taken, math.min(math.max(wanted, reserved), math.max(free, own)))
    redis.call('HSET', leases, worker, string.format('%.0f %.0f %.0f', now + lease_ms, granted, number))
end
redis.call('PEXPIRE', leases, 10 * lease_ms)
return {granted, of_others + granted, math.max(0, redis.call('PTTL', hold))}
"""

# The longest of several holds counts.
HOLD_SCRIPT: Final = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[1], '429', 'PX', ARGV[1])
end
return 0
"""
