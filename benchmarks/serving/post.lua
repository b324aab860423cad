-- wrk's script: posts the bodies of a file in turn, and prints the figures of the run as one line of JSON.
-- Arguments after `--`: the file, one body a line. Latencies are microseconds, the duration too.

local requests, turn = {}, 0

function init(arguments)
  for body in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    'figures {"requests": %d, "microseconds": %d, "p50": %.1f, "p99": %.1f, "statuses": %d, "sockets": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failed.status,
    failed.connect + failed.read + failed.write + failed.timeout))
end
