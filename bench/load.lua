-- wrk's half of the bench: POST one query with a fresh random id in every body.
-- Arguments: the file with the body's template, then name=value header lines. Prints one line of figures at the end.
local template

function init(arguments)
  local file = assert(io.open(arguments[1]))
  template = file:read("a")
  file:close()
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  for index = 2, #arguments do
    local name, value = arguments[index]:match("^([^=]+)=(.*)$")
    wrk.headers[name] = value
  end
  math.randomseed(os.time())
end

function request()
  local body = template:gsub("{{id}}", math.random(1000, 20000)):gsub("{{author}}", math.random(1, 900))
  return wrk.format(nil, nil, nil, body)
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    "FIGURES %d %d %d %.1f %.1f\n",
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)
  ))
end
