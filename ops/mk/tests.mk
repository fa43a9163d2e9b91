# Tests: C unit tests (one program per tests/unit/test_*.c, linked with the library) and the running system from outside.
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))

# A line `/* link: broker/queue.c workers/booking/decide.c */` in a test adds those sources' objects.
unit_extra = $(call obj,$(shell sed -n 's|^/\* link: \(.*\) \*/$$|\1|p' $(1)))

define unit_rule # test source
$(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(1)): $(call obj,$(1)) $(call unit_extra,$(1)) $(BUILD)/libguahao.a
	@mkdir -p $$(@D)
	@$$(CC) $$(CFLAGS) $$(LDFLAGS) $$(filter %.o,$$^) $(BUILD)/libguahao.a $$(LDLIBS) -lcmocka -o $$@
endef
$(foreach t,$(UNIT_SRC),$(eval $(call unit_rule,$(t))))

# guahao-worker with the pool of tests/probe in place of the real ones, for the tests of the runtime.
PROBE_SRC := workers/main.c tests/probe/pool.c
$(BUILD)/tests/probe-worker: $(call obj,$(PROBE_SRC)) $(BUILD)/libguahao.a
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(BUILD)/libguahao.a $(LDLIBS) -o $@

# The validator of the published document (tests/openapi).
OPENAPI_CHECK := $(call npm_dir,tests/openapi)
$(eval $(call npm_rule,tests/openapi))

.PHONY: unit outside test san chaos hosts
# Every test runs, each within its time limit; a failing one shows its output, and the target fails at the end.
unit: $(UNIT_BIN) ## Build and run the unit tests
	@failed=; for t in $(UNIT_BIN); do \
	    if timeout -k 5 300 $$t >$$t.log 2>&1; then \
	        echo "  ok    $${t##*/}: $$(sed -n 's/^\[  PASSED  \] \([0-9]*\).*/\1/p' $$t.log | tail -1)"; \
	    else echo "  FAIL  $${t##*/} (status $$?)"; cat $$t.log; failed="$$failed $${t##*/}"; fi; done; \
	[ -z "$$failed" ] || { echo "unit tests failed:$$failed"; exit 1; }

# ARGS=... goes to pytest: make outside ARGS='tests/api -k login'. TEST_JOBS files run side by side, each with a cluster of its
# process's own; 0 runs all in one process (for -s and --pdb). TEST_RERUNS=1 gives a test that fails a second try and names it:
# for machines whose speed nobody knows.
TEST_JOBS   ?= 2
TEST_RERUNS ?= 0
OUTSIDE := $(foreach d,integration api chaos,$(if $(wildcard tests/$(d)/test_*.py),tests/$(d)))
ARGS    ?= $(OUTSIDE)
outside: build $(BUILD)/tests/probe-worker $(OPENAPI_CHECK)/.done ## Run the tests of the running system (ARGS for pytest)
	@[ -z "$(ARGS)" ] || GUAHAO_BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 \
	    timeout -k 60 1800 /usr/bin/python3 -m pytest -q -p no:cacheprovider -n $(TEST_JOBS) --dist loadfile \
	    --reruns $(TEST_RERUNS) -r R $(ARGS)

test: ## Everything: packages, build, unit tests, fuzzing, outside tests
	@ops/deps.sh run build test
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory fuzz
	@$(MAKE) --no-print-directory outside

# CHAOS_SECONDS of mixed load while programs and PostgreSQL are killed, frozen and restarted; CHAOS_SEED repeats the choices of a run.
CHAOS_SECONDS ?= 300
CHAOS_SEED    ?=
chaos: build ## Kill, freeze and restart everything under load, then check the books (CHAOS_SECONDS, CHAOS_SEED)
	@GUAHAO_BUILD=$(abspath $(BUILD)) GUAHAO_STORM=$(CHAOS_SECONDS) GUAHAO_SEED=$(CHAOS_SEED) PYTHONDONTWRITEBYTECODE=1 \
	    /usr/bin/python3 -m pytest -q -p no:cacheprovider -s tests/chaos/test_chaos_storm.py

# The same between hosts: network namespaces, CURVE, links cut, lossy, slow and late for HOSTS_SECONDS; every way in which PostgreSQL
# restarts and fails over.
HOSTS_SECONDS ?= 300
HOSTS_SEED    ?=
hosts: build ## Hosts in network namespaces under load: harm to programs and links, failover (HOSTS_SECONDS, HOSTS_SEED)
	@ops/deps.sh run build test
	@GUAHAO_BUILD=$(abspath $(BUILD)) GUAHAO_HOSTS=1 GUAHAO_STORM=$(HOSTS_SECONDS) GUAHAO_SEED=$(HOSTS_SEED) PYTHONDONTWRITEBYTECODE=1 \
	    /usr/bin/python3 -m pytest -q -p no:cacheprovider -s tests/chaos/test_chaos_hosts.py tests/chaos/test_failover.py

# The sanitizers' reports go to stderr of the process they concern; any report makes that process fail.
san: export ASAN_OPTIONS ?= detect_stack_use_after_return=1:check_initialization_order=1:strict_string_checks=1
san: export UBSAN_OPTIONS ?= print_stacktrace=1
san: ## The same tests with AddressSanitizer and UBSan
	@ops/deps.sh run build test
	@$(MAKE) --no-print-directory SAN=1 build
	@$(MAKE) --no-print-directory SAN=1 unit
	@$(MAKE) --no-print-directory SAN=1 outside
