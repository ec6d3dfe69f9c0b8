-- Sessions for wrk: one a thread, each at a node of its own, each sending back the newest causal metadata that it was given.
-- Arguments: "put" or "get", then the nodes.

local KEYS = 1000
local VALUE = '"' .. string.rep("v", 98) .. '"'

local threads = 0

function setup(thread)
  local nodes = {}
  for node in string.gmatch(os.getenv("BENCH_NODES"), "%S+") do
    nodes[#nodes + 1] = node
  end
  local host, port = string.match(nodes[threads % #nodes + 1], "^(.*):(%d+)$")
  thread.addr = wrk.lookup(host, port)[1]
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  method = args[1]
  token = ""
  math.randomseed(number)
end

function request()
  local metadata = '"causal-metadata":"' .. token .. '"}'
  local path = "/kvs/key" .. math.random(KEYS)
  if method == "put" then
    return wrk.format("PUT", path, nil, '{"value":' .. VALUE .. "," .. metadata)
  end
  return wrk.format("GET", path, nil, "{" .. metadata)
end

function response(status, headers, body)
  token = string.match(body, '"causal%-metadata":"([^"]*)"') or token
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"p999_us":%d,"not_2xx":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
