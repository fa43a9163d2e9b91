# Fuzz targets: tests/fuzz/fuzz_*.c with the small driver beside them, always with the sanitizers. The first line of a
# target, // sources: lib/wire/mp.c ..., names what it is built from.
FUZZ_SECONDS ?= 5
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC))
fuzz_parts = tests/fuzz/driver.c $(1) $(wildcard $(shell sed -n 's|^// sources: \(.*\)$$|\1|p' $(1))) $(GEN)/error_table.c

define fuzz_rule # target's source
$(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(1)): $(call fuzz_parts,$(1)) $(GEN_HDR) $(wildcard lib/*/*.h tests/fuzz/*.h)
	@mkdir -p $$(@D)
	@echo "  FUZZ  $$@"
	@$$(CC) -D_GNU_SOURCE -Ilib -I$(BUILD) -I. $$(shell pkg-config --cflags $(PKGS)) $(WARN) -std=gnu17 -O1 -g \
	  -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -pthread $$(filter %.c,$$^) \
	  $(LDLIBS) -o $$@
endef
$(foreach t,$(FUZZ_SRC),$(eval $(call fuzz_rule,$(t))))

.PHONY: fuzz
fuzz: $(FUZZ_BIN) ## Run the fuzz targets, FUZZ_SECONDS each
	@root=$$PWD; cd $(BUILD)/fuzz && for t in $(notdir $(FUZZ_BIN)); do GUAHAO_SHARE=$$root ./$$t $(FUZZ_SECONDS); done
