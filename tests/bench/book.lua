-- tests/bench/book.lua - wrk script: bookings over v1, each by another patient
--   wrk ... -s book.lua URL -- hot|spread TOKENS SCHEDULES THREADS
-- TOKENS: one access token a line, in the order of bench_patients; SCHEDULES: one schedule id a line, in the order of
-- bench_schedules (hot: its first line). Turn n takes the patient and session that peer.sql's turn n takes.
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
    hot = args[1] == "hot"
    tokens, schedules, threads = lines(args[2]), lines(args[3]), tonumber(args[4])
    turn = mine
    head = "POST /api/v1/appointments HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAuthorization: Bearer "
end

function request()
    local n, p = turn, #tokens
    turn = turn + threads
    local schedule = schedules[1]
    if not hot then
        schedule = schedules[(n % p) * 7919 % (#schedules - 10) + math.floor(n / p) % 10 + 1]
    end
    local body = '{"schedule_id":' .. schedule .. "}"
    return head .. tokens[n % p + 1] .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format('\nBENCH {"requests":%d,"refused":%d,"lost":%d,"seconds":%.6f,"p50_us":%d,"p95_us":%d,"p99_us":%d}\n',
        summary.requests, e.status, e.connect + e.read + e.write + e.timeout, summary.duration / 1e6,
        latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
