-- Tells messages: the newest of each into a hash, all into the stream and on the channel. Times decide, so that a message may come
-- twice, or late, from whoever tells it: an older one never replaces a newer one.
-- KEYS: assets, asset times, alarms, alarm times, log, filled, heartbeat
-- ARGV: channel, length of the log, 1 from one that judges readings (else 0), and as one list in MessagePack, because to send
-- each as an argument takes its time, four texts for each message: what, field, time, JSON
--   asset, alarm   told by who stored it
--   old-asset, old-alarm   out of the database: only where the feed has none or an older one
--   ended-alarm    out of the database: the last step of an alarm that stands open in the feed, and is not
--   gone           an asset that was purged ('' is everything)
local channel, length, judges, told = ARGV[1], ARGV[2], ARGV[3] == '1', cmsgpack.unpack(ARGV[4])

local function tell(message)
  local id = redis.call('XADD', KEYS[5], 'MAXLEN', '~', length, '*', 'message', message)
  redis.call('PUBLISH', channel, id .. ' ' .. message)
end

local function keep(hash, times, field, time, message, replaces_equal)
  local known = redis.call('HGET', times, field)
  if known then
    known = tonumber(known)
    local new = tonumber(time)
    if new < known or (new == known and not replaces_equal) then return false end
  end
  redis.call('HSET', hash, field, message)
  redis.call('HSET', times, field, time)
  return true
end

local function forget(asset)
  if asset == '' then
    redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
    return
  end
  redis.call('HDEL', KEYS[1], asset)
  redis.call('HDEL', KEYS[2], asset)
  local start = asset .. '\n'
  for _, field in ipairs(redis.call('HKEYS', KEYS[3])) do
    if string.sub(field, 1, #start) == start then
      redis.call('HDEL', KEYS[3], field)
      redis.call('HDEL', KEYS[4], field)
    end
  end
end

for i = 1, #told, 4 do
  local what, field, time, message = told[i], told[i + 1], told[i + 2], told[i + 3]
  if what == 'asset' or what == 'old-asset' then
    if keep(KEYS[1], KEYS[2], field, time, message, what == 'asset') then tell(message) end
  elseif what == 'alarm' then
    keep(KEYS[3], KEYS[4], field, time, message, true)
    tell(message)
  elseif what == 'old-alarm' or what == 'ended-alarm' then
    if keep(KEYS[3], KEYS[4], field, time, message, what == 'ended-alarm') then tell(message) end
  elseif what == 'gone' then
    forget(field)
    tell(message)
  end
end

if judges then
  local now = redis.call('TIME')
  redis.call('SET', KEYS[7], now[1] .. '.' .. string.format('%06d', now[2]))
  redis.call('PUBLISH', channel, 'beat')
end
return redis.call('EXISTS', KEYS[6])
