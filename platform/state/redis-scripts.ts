import type { Cluster, Redis, Result } from "ioredis";

/** What a script takes after its keys. */
type Argument = string | number | Buffer;

declare module "ioredis" {
  // Each name is defined on a client by defineScripts; a name that ends in Buffer gives the bytes of the same reply.
  interface RedisCommander<Context> {
    upchirpCommit(...keysAndArguments: readonly Argument[]): Result<unknown, Context>;
    upchirpListed(key: string): Result<unknown, Context>;
    upchirpStale(...keysAndArguments: readonly Argument[]): Result<unknown, Context>;
    upchirpEnqueue(...keysAndArguments: readonly Argument[]): Result<unknown, Context>;
    upchirpRemoveQueued(...keysAndArguments: readonly Argument[]): Result<unknown, Context>;
    upchirpReorderQueue(...keyAndIds: readonly Argument[]): Result<unknown, Context>;
    upchirpQueueBuffer(...keysAndArguments: readonly Argument[]): Result<unknown, Context>;
    upchirpSetCursor(...keysAndArguments: readonly Argument[]): Result<unknown, Context>;
    upchirpDue(...countKeysAndArguments: readonly Argument[]): Result<unknown, Context>;
    upchirpRuns(...keyAndArguments: readonly Argument[]): Result<unknown, Context>;
    upchirpNews(...keysAndArguments: readonly Argument[]): Result<unknown, Context>;
  }
}

export type RedisClient = Redis | Cluster;

/**
 * Each change carries a token of its own. What the last changes of a device came to is kept for ten minutes, so that a
 * change that is sent again, because its answer was lost, happens once and answers as it did the first time. Publishing
 * comes last and may fail: what no message tells is found by looking.
 */
const remembering = `
local function outcomeOf(recent, token)
  local past = redis.call('GET', recent) or ''
  return string.match(past, token .. '=(%d+);'), past
end
local function remember(recent, past, token, outcome)
  redis.call('SET', recent, string.sub(token .. '=' .. outcome .. ';' .. past, 1, 800), 'EX', 600)
end
local function forgetIfEmpty(order, waiting, devEui)
  if redis.call('EXISTS', order) == 0 then redis.call('ZREM', waiting, devEui) end
end`;

/** The id that a stream gave out last, whether or not its entry is still there; empty for a stream that never was. */
const lastOfStream = `
local function lastOf(log)
  local info = redis.pcall('XINFO', 'STREAM', log)
  for at = 1, #info, 2 do
    if info[at] == 'last-generated-id' then return info[at + 1] end
  end
  return ''
end`;

/**
 * Answers `committed version dropped before appended`, the last two being ids of the log where events were given; without them
 * for a change that was done before; `conflict`; `queued` where the change relies on an empty queue and it is not; or, with nothing changed but `next` written down as under way,
 * `index addresses`: those have to be in the index under `next` before the call is made again with it as `added`. That an
 * intent is there does not say that its entries are, since the answer that asked for them may have been lost; and entries
 * whose intent has gone may be about to be removed by a reader. So a commit needs both, and starts anew without.
 */
const commit = `${remembering}${lastOfStream}
local doc, wake, log, order, values, waiting, intents, recent, channel = unpack(KEYS)
local token, added, next, devEui, expected, addresses, wakeAt, keep, value, publish, notice, noQueue, events = unpack(ARGV, 1, 13)
local done, past = outcomeOf(recent, token)
if done then return {'committed', done, ''} end
local stored = redis.call('GET', doc)
local version, listed = '0', ''
if stored then version, listed = string.match(stored, '^(%d+);([^;]*);') end
if not version then return {'corrupt'} end
if version ~= expected then return {'conflict'} end
if noQueue == '1' and redis.call('EXISTS', order) == 1 then return {'queued'} end

local held, wanted, fresh, dropped = {}, {}, {}, {}
for entry in string.gmatch(listed, '[^,]+') do held[string.sub(entry, 1, 8)] = entry end
for address in string.gmatch(addresses, '[^,]+') do
  if not held[address] then fresh[#fresh + 1] = address end
  wanted[#wanted + 1] = held[address] or (address .. added)
  held[address] = nil
end
for _, entry in pairs(held) do dropped[#dropped + 1] = entry end
if #fresh > 0 and (added == '' or redis.call('SISMEMBER', intents, added) == 0) then
  redis.call('SADD', intents, next)
  redis.call('EXPIRE', intents, 120)
  return {'index', table.concat(fresh, ',')}
end

local after = '0'
if keep == '1' then
  after = string.format('%.0f', tonumber(expected) + 1)
  redis.call('SET', doc, after .. ';' .. table.concat(wanted, ',') .. ';' .. value)
elseif stored then
  redis.call('DEL', doc)
end
redis.call('DEL', intents)
if wakeAt == '' then redis.call('ZREM', wake, devEui) else redis.call('ZADD', wake, wakeAt, devEui) end
local at = 13
local before, appended = '', {}
if events ~= '0' then before = lastOf(log) end
for _ = 1, tonumber(events) do
  at = at + 1
  appended[#appended + 1] = redis.call('XADD', log, '*', 'd', devEui, 'v', ARGV[at])
end
local changesQueue = at < #ARGV
while at < #ARGV do
  local kind, id, bytes = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  at = at + 3
  if kind == 'remove' then
    redis.call('ZREM', order, id)
    redis.call('HDEL', values, id)
  elseif redis.call('HEXISTS', values, id) == 1 then
    redis.call('HSET', values, id, bytes)
  end
end
if changesQueue then forgetIfEmpty(order, waiting, devEui) end
remember(recent, past, token, after)
if events ~= '0' then redis.pcall(publish, channel, notice) end
return {'committed', after, table.concat(dropped, ','), before, table.concat(appended, ',')}`;

/** Addresses with their tokens as in the document; empty where there is none. */
const listed = `
return string.match(redis.call('GET', KEYS[1]) or '', '^%d+;([^;]*);') or ''`;

/** 1 when the document does not hold the address by this token and no commit under way can make it so: true for ever then. */
const stale = `
local doc, intents = unpack(KEYS)
local address, token = unpack(ARGV)
if redis.call('SISMEMBER', intents, token) == 1 then return 0 end
local listed = string.match(redis.call('GET', doc) or '', '^%d+;([^;]*);') or ''
if string.find(',' .. listed .. ',', ',' .. address .. token .. ',', 1, true) then return 0 end
return 1`;

/** The number of this enqueue in its partition; 0 when it was refused. */
const enqueue = `${remembering}
local order, values, waiting, count, recent, channel = unpack(KEYS)
local token, devEui, id, value, most, publish, notice = unpack(ARGV)
local done, past = outcomeOf(recent, token)
if done then return done end
if redis.call('HEXISTS', values, id) == 1 or redis.call('ZCARD', order) >= tonumber(most) then return '0' end
local last = redis.call('ZRANGE', order, -1, -1, 'WITHSCORES')
redis.call('ZADD', order, (tonumber(last[2]) or 0) + 1, id)
redis.call('HSET', values, id, value)
local number = string.format('%.0f', redis.call('INCR', count))
redis.call('ZADD', waiting, number, devEui)
remember(recent, past, token, number)
redis.pcall(publish, channel, notice .. ' ' .. number .. ' ' .. devEui)
return number`;

/** How many entries were removed: that with the id, or all where no id is given. */
const removeQueued = `${remembering}
local order, values, waiting, recent = unpack(KEYS)
local token, devEui, id = unpack(ARGV)
local done, past = outcomeOf(recent, token)
if done then return done end
local removed = 0
if id then
  removed = redis.call('ZREM', order, id)
  redis.call('HDEL', values, id)
else
  removed = redis.call('ZCARD', order)
  redis.call('DEL', order, values)
end
if removed > 0 then
  forgetIfEmpty(order, waiting, devEui)
  remember(recent, past, token, removed)
end
return tostring(removed)`;

/** Done twice it comes to the same. */
const reorderQueue = `
local order = KEYS[1]
local named, places = {}, {}
for _, id in ipairs(ARGV) do
  local place = redis.call('ZSCORE', order, id)
  if place then
    named[#named + 1] = id
    places[#places + 1] = tonumber(place)
  end
end
table.sort(places)
for index, id in ipairs(named) do redis.call('ZADD', order, places[index], id) end
return #named`;

/** Ids and values by turns. */
const queue = `
local order, values = unpack(KEYS)
local entries = {}
for _, id in ipairs(redis.call('ZRANGE', order, 0, -1)) do
  entries[#entries + 1] = id
  entries[#entries + 1] = redis.call('HGET', values, id)
end
return entries`;

/** Positions have one width, so they compare as text. */
const setCursor = `
local cursors = KEYS[1]
local consumer, position = unpack(ARGV)
local old = redis.call('HGET', cursors, consumer)
if not old or old < position then redis.call('HSET', cursors, consumer, position) end
return 1`;

/** Devices and their times by turns, of every set of wake-ups that is named. */
const due = `
local upTo, most = unpack(ARGV)
local found = {}
for _, wake in ipairs(KEYS) do
  for _, each in ipairs(redis.call('ZRANGEBYSCORE', wake, '-inf', upTo, 'WITHSCORES', 'LIMIT', 0, most)) do
    found[#found + 1] = each
  end
end
return found`;

/** The last event's id, how many enqueues there were, then device and number of those after the given number, or of all. */
const news = `
local log, count, waiting = unpack(KEYS)
local last = ''
if redis.call('EXISTS', log) == 1 then
  local info = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)
  if info[1] then last = info[1][1] end
end
local number = redis.call('GET', count) or '0'
local found = {}
if number ~= ARGV[1] then
  found = redis.call('ZRANGEBYSCORE', waiting, '(' .. (ARGV[1] == '' and '0' or ARGV[1]), '+inf', 'WITHSCORES')
end
return {last, number, unpack(found, 1, math.min(#found, 4000))}`;

/**
 * How often something may have been lost, and 1 if it is this call that found it. After the count that the caller knows:
 * server, run id and whether its changes survive its end, for each. The first call of all only takes note.
 */
const runs = `
local known = KEYS[1]
local isFirst = redis.call('EXISTS', known) == 0
local lost = 0
for at = 2, #ARGV, 3 do
  local server, run, safe = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if redis.call('HGET', known, 'run ' .. server) ~= run then
    redis.call('HSET', known, 'run ' .. server, run)
    if not isFirst and safe ~= '1' then lost = 1 end
  end
end
local count = math.max(tonumber(redis.call('HGET', known, 'losses') or '0'), tonumber(ARGV[1])) + lost
redis.call('HSET', known, 'losses', string.format('%.0f', count))
return {string.format('%.0f', count), tostring(lost)}`;

const scripts = {
  upchirpCommit: { lua: commit, numberOfKeys: 9 },
  upchirpListed: { lua: listed, numberOfKeys: 1 },
  upchirpStale: { lua: stale, numberOfKeys: 2 },
  upchirpEnqueue: { lua: enqueue, numberOfKeys: 6 },
  upchirpRemoveQueued: { lua: removeQueued, numberOfKeys: 4 },
  upchirpReorderQueue: { lua: reorderQueue, numberOfKeys: 1 },
  upchirpQueue: { lua: queue, numberOfKeys: 2 },
  upchirpSetCursor: { lua: setCursor, numberOfKeys: 1 },
  upchirpDue: { lua: due },
  upchirpRuns: { lua: runs, numberOfKeys: 1 },
  upchirpNews: { lua: news, numberOfKeys: 3 },
} as const;

/** Sent by EVALSHA, and by EVAL where a server does not know a script yet. */
export function defineScripts(client: RedisClient): void {
  for (const [name, definition] of Object.entries(scripts)) client.defineCommand(name, definition);
}
