-- tests/bench/echo.lua - wrk script: a small JSON body, the same each time, to the path of the URL
wrk.method = "POST"
wrk.body = '{"text":"hello","number":42}'
wrk.headers["Content-Type"] = "application/json"

function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format('\nBENCH {"requests":%d,"refused":%d,"lost":%d,"seconds":%.6f,"p50_us":%d,"p95_us":%d,"p99_us":%d}\n',
        summary.requests, e.status, e.connect + e.read + e.write + e.timeout, summary.duration / 1e6,
        latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
