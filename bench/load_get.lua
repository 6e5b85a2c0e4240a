-- wrk's half of the gateway's bench: GET, with the header lines given as name=value arguments. Where the first argument
-- is "varied", every request has a query of its own. Prints one line of figures at the end.
local varied = false
local same
local number = 0

function init(arguments)
  varied = arguments[1] == "varied"
  for index = 2, #arguments do
    local name, value = arguments[index]:match("^([^=]+)=(.*)$")
    wrk.headers[name] = value
  end
  math.randomseed(os.time())
  number = math.random(1, 1000000)
end

function request()
  if not varied then
    same = same or wrk.format()
    return same
  end
  number = number + 1
  return wrk.format(nil, wrk.path .. "?number=" .. number)
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    "FIGURES %d %d %d %.1f %.1f\n",
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)
  ))
end
