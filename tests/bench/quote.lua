-- tests/bench/quote.lua - wrk script: price quotes over v1, each by another patient for another session
--   wrk ... -s quote.lua URL -- TOKENS SCHEDULES THREADS
local number = 0

function setup(thread)
    thread:set("mine", number)
    number = number + 1
end

local function lines(path)
    local all = {}
    for line in io.lines(path) do
        all[#all + 1] = line
    end
    return all
end

function init(args)
    tokens, schedules, threads = lines(args[1]), lines(args[2]), tonumber(args[3])
    turn = mine
end

function request()
    local n = turn
    turn = turn + threads
    return "GET /api/v1/schedules/" .. schedules[n * 7919 % #schedules + 1] .. "/quote HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer "
        .. tokens[n % #tokens + 1] .. "\r\n\r\n"
end

function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format('\nBENCH {"requests":%d,"refused":%d,"lost":%d,"seconds":%.6f,"p50_us":%d,"p95_us":%d,"p99_us":%d}\n',
        summary.requests, e.status, e.connect + e.read + e.write + e.timeout, summary.duration / 1e6,
        latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
