# Load programs of tests/bench.
$(BUILD)/bench/broker-bench: $(call obj,tests/bench/broker_bench.c broker/hist.c) $(BUILD)/libguahao.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(BUILD)/libguahao.a $(LDLIBS) -o $@

.PHONY: bench-broker
bench-broker: $(BUILD)/bench/broker-bench $(BUILD)/guahao-broker ## The broker alone: jobs/s with 256 in flight
	@$(BUILD)/bench/broker-bench

$(BUILD)/bench/worker-bench: $(call obj,tests/bench/worker_bench.c broker/hist.c) $(BUILD)/libguahao.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(BUILD)/libguahao.a $(LDLIBS) -o $@

.PHONY: bench-worker
bench-worker: $(BUILD)/bench/worker-bench $(BUILD)/guahao-worker ## The worker alone: echo jobs/s
	@$(BUILD)/bench/worker-bench --worker $(BUILD)/guahao-worker
