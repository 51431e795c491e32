-- The visit of a shared window, as `_policy/shared_window.py` tells it, in one round trip and by the server's clock.
-- KEYS[1]: the state. ARGV[1]: the visit. ARGV[2]: milliseconds after which a state that nobody visits is forgotten.
local FIRST, GROWTH, STEP, GATHER = 25, 3, 1e-6, 0.1

local member, wants, mark, number, fresh, counted, dropped, alive, unknown, lull, hold, poll, grace, brake, version,
  teaches, slots, alone, total, lessons = unpack(cmsgpack.unpack(ARGV[1]))
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6

local function set(list)
  local found = {}
  for _, one in ipairs(list) do found[one] = true end
  return found
end

local kept = redis.call('GET', KEYS[1])
local s
if kept then
  s = cmsgpack.unpack(kept)
elseif fresh ~= '' then
  s = {mark = fresh, number = 0, brake = mark ~= '' and now + lull or 0, gather = 0, last = 0, total = 0, slots = slots, alone = 0,
       version = 1, lessons = lessons, calls = {}, line = {}}
else
  return cmsgpack.pack({now, '', 0, false, {}, poll, 0, 0, 0, -1, 0, 0, 0, ''})
end

local older = mark == s.mark and number > s.number
local lost = older or (mark ~= '' and mark ~= s.mark)
if older or now < s.last - 1 then
  s.mark, s.number, s.calls, s.line = fresh, number, {}, {}
  s.last, s.gather, s.brake = now, 0, now + lull
end
s.number = s.number + 1

-- how calls ended
s.brake = math.max(s.brake, now + brake)
local left, drop, slow, calls = {}, set(dropped), set(alive), {}
for _, one in ipairs(counted) do left[one[1]] = one[2] end
for _, call in ipairs(s.calls) do
  local permit, out = call[1], call[3]
  if out and left[permit] then
    call[2], call[3] = now + left[permit], false
    s.total = s.total + 1
  elseif out and slow[permit] then
    call[2] = now + hold
  end
  if call[2] > now and not (call[3] and drop[permit]) then calls[#calls + 1] = call end
end
for _, seconds in ipairs(unknown) do calls[#calls + 1] = {0, now + seconds, false} end
s.calls = calls

-- what was learnt
if teaches and version == s.version then
  s.version, s.slots, s.alone, s.lessons = s.version + 1, slots, alone, lessons
  if total >= 0 then s.total = total end
end

-- the line
if lost then wants = 0 end
local line, place = {}, 0
for _, one in ipairs(s.line) do
  if one[1] == member then one[2] = wants end
  if one[2] > 0 and (one[1] == member or one[3] > now) then
    line[#line + 1] = one
    if one[1] == member then place = #line end
  end
end
if wants > 0 and place == 0 then
  local served = #line > 0 and line[1][4] or 0
  for _, one in ipairs(line) do served = math.min(served, one[4]) end
  line[#line + 1] = {member, wants, now, served}
  place = #line
end
s.line = line

-- the turn
local room = math.min(s.slots, FIRST + GROWTH * math.max(0, s.total - FIRST + 1))
local grants, wait = {}, poll
if place > 0 then
  local free = room - #calls
  if now < s.brake then
    free = 0
  elseif s.alone > 0 then
    free = math.min(free, 1)
    for _, call in ipairs(calls) do
      if call[3] and call[1] > s.alone then free = 0 end
    end
  else
    if #calls == 0 then s.gather = now + GATHER end
    if now < s.gather then free = math.min(free, math.max(1, math.floor(room / 8))) end
  end
  local mine = line[place]
  local function ahead(given)
    local slots = 0
    for other, one in ipairs(line) do
      if other ~= place then
        local first = other < place and 1 or 0
        slots = slots + math.min(one[2], math.max(0, mine[4] + given - one[4] + first))
      end
    end
    return slots
  end
  while #grants < mine[2] and free > #grants + ahead(#grants) do
    s.last = math.max(now, s.last + STEP)
    grants[#grants + 1] = s.last
  end
  for _, permit in ipairs(grants) do calls[#calls + 1] = {permit, now + hold, true} end
  mine[2], mine[4] = mine[2] - #grants, mine[4] + #grants
  local index = math.max(0, #calls - room + ahead(0))
  if now < s.brake then
    wait = s.brake - now
  elseif now < s.gather then
    wait = s.gather - now
  elseif s.alone <= 0 and index < #calls then
    local untils = {}
    for number, call in ipairs(calls) do
      untils[number] = call[3] and call[1] + lull > now and call[1] + lull or call[2]
    end
    table.sort(untils)
    wait = math.min(poll, untils[index + 1] - now)
  end
  mine[3] = now + wait + grace
  if mine[2] == 0 then table.remove(line, place) end
end

local first, waiting = -1, 0
for _, call in ipairs(calls) do
  if not call[3] and (first < 0 or call[2] - now < first) then first = call[2] - now end
end
for _, one in ipairs(line) do waiting = waiting + one[2] end
redis.call('SET', KEYS[1], cmsgpack.pack(s), 'PX', ARGV[2])
return cmsgpack.pack({now, s.mark, s.number, lost, grants, wait, math.max(0, s.brake - now), #calls, room, first, waiting,
  s.total, s.version, version == s.version and '' or s.lessons})
