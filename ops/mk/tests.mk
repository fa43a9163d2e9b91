# Unit tests: one program per tests/unit/test_*.c, linked with the library (and what its first lines name, see below).
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

.PHONY: unit
unit: $(UNIT_BIN) ## Build and run the unit tests
	@for t in $(UNIT_BIN); do echo "== $$t"; $$t || exit 1; done
