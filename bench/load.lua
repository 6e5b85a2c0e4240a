-- wrk's half of the bench: POST one query with a random id in the body.
-- Arguments: the file with the body's template, then name=value header lines. Prints one line of figures at the end.
-- The requests are made beforehand, thousands of them: to make one costs as much as to send it, on cores that the
-- server and Postgres need.
local COUNT = 4096
local requests = {}

function init(arguments)
  local file = assert(io.open(arguments[1]))
  local template = file:read("a")
  file:close()
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  for index = 2, #arguments do
    local name, value = arguments[index]:match("^([^=]+)=(.*)$")
    wrk.headers[name] = value
  end
  math.randomseed(os.time())
  for index = 1, COUNT do
    local body = template:gsub("{{id}}", math.random(1000, 20000)):gsub("{{author}}", math.random(1, 900))
    requests[index] = wrk.format(nil, nil, nil, body)
  end
end

function request()
  return requests[math.random(COUNT)]
end
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    "FIGURES %d %d %d %.1f %.1f\n",
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)
  ))
end
