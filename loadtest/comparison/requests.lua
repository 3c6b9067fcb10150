-- What wrk sends: the same request over and over, each with the next token and the next path.
--
--   wrk … -s requests.lua URL -- TOKENS METHOD BODY_BYTES PATHS SIGNATURE
--
-- TOKENS      a file of tokens, one a line, or "-" for none
-- BODY_BYTES  of every request; 0 for none
-- PATHS       one path, or a pattern with %d and the number of paths: /r%d/x=1000
-- SIGNATURE   over the body, or "-" for none
--
-- At the end it prints one line of JSON.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

local function read_tokens(path)
  if path == "-" then return { false } end
  local tokens = {}
  for token in io.lines(path) do tokens[#tokens + 1] = token end
  return tokens
end

local function path_of(paths, number)
  local pattern, count = paths:match("^(.*)=(%d+)$")
  if not pattern then return paths end
  return (pattern:gsub("%%d", tostring(number % tonumber(count))))
end

local requests, next_request = {}, 0

function init(args)
  local tokens, method, body_bytes = read_tokens(args[1]), args[2], tonumber(args[3])
  local paths, signature = args[4], args[5]
  local body = body_bytes > 0 and string.rep("x", body_bytes) or nil
  local number = math.max(#tokens, tonumber(paths:match("=(%d+)$") or 1))
  for i = 1, number do
    local headers = {}
    local token = tokens[(i - 1) % #tokens + 1]
    if token then headers["Authorization"] = "Bearer " .. token end
    if signature ~= "-" then headers["X-JWS-Signature"] = signature end
    requests[i] = wrk.format(method, path_of(paths, i), headers, body)
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"refused":%d,"failed":%d,"p50":%d,"p99":%d,"p99_9":%d}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
