# Load programs of tests/bench.
$(BUILD)/bench/broker-bench: $(call obj,tests/bench/broker_bench.c broker/hist.c) $(BUILD)/libguahao.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(BUILD)/libguahao.a $(LDLIBS) -o $@

$(BUILD)/bench/load: $(call obj,tests/bench/load.c ops/cmd/http_load.c ops/cmd/http_reply.c) $(BUILD)/libguahao.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(BUILD)/libguahao.a $(LDLIBS) -o $@

.PHONY: bench bench-broker
bench: build $(BUILD)/bench/broker-bench $(BUILD)/bench/load ## Measure: bookings beside pgbench, echo beside Kore (BENCH_SECONDS, BENCH_RUNS, BENCH_CASES)
	@GUAHAO_BUILD=$(abspath $(BUILD)) /usr/bin/python3 tests/bench/run.py
bench-broker: $(BUILD)/bench/broker-bench $(BUILD)/guahao-broker ## The broker alone: jobs/s with 256 in flight
	@$(BUILD)/bench/broker-bench

$(BUILD)/bench/worker-bench: $(call obj,tests/bench/worker_bench.c broker/hist.c) $(BUILD)/libguahao.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(BUILD)/libguahao.a $(LDLIBS) -o $@

.PHONY: bench-worker
bench-worker: $(BUILD)/bench/worker-bench $(BUILD)/guahao-worker ## The worker alone: echo jobs/s
	@$(BUILD)/bench/worker-bench --worker $(BUILD)/guahao-worker

FRONT_BENCH := tests/bench/front_bench.c $(addprefix front/,bucket.c forwarded.c gzip.c limiter.c rates.c)
$(BUILD)/bench/front-bench: $(call obj,$(FRONT_BENCH)) $(BUILD)/libguahao.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(BUILD)/libguahao.a $(LDLIBS) -lz -o $@

.PHONY: bench-front
bench-front: $(BUILD)/bench/front-bench ## What the front's steps cost a request: match, rate limit, log line, gzip
	@$(BUILD)/bench/front-bench
