# Libraries and programs, by what lies in the folders: a new .c file needs no entry here.
LIB_SRC    := $(sort $(wildcard lib/*/*.c))
BROKER_SRC := $(sort $(wildcard broker/*.c))
WORKER_SRC := $(sort $(wildcard workers/*.c workers/*/*.c))
OPS_SRC    := $(sort $(wildcard ops/cmd/*.c))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIB_OBJ := $(call obj,$(LIB_SRC)) $(GEN_OBJ)

$(BUILD)/obj/%.o: %.c $(GEN_HDR)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(CPPFLAGS) $(WARN) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libguahao.a: $(LIB_OBJ)
	@rm -f $@ && ar rcs $@ $^

define program # name, sources, further libraries
$(BUILD)/$(1): $(call obj,$(2)) $(BUILD)/libguahao.a
	@echo "  LD    $$@"
	@$$(CC) $$(CFLAGS) $$(LDFLAGS) $$(filter %.o,$$^) $(BUILD)/libguahao.a $$(LDLIBS) $(3) -o $$@
endef

PROGRAMS :=
ifneq ($(BROKER_SRC),)
$(eval $(call program,guahao-broker,$(BROKER_SRC)))
PROGRAMS += $(BUILD)/guahao-broker
endif
ifneq ($(WORKER_SRC),)
$(eval $(call program,guahao-worker,$(WORKER_SRC),-rdynamic -lcurl))
PROGRAMS += $(BUILD)/guahao-worker
endif
ifneq ($(OPS_SRC),)
$(eval $(call program,guahao,$(OPS_SRC)))
PROGRAMS += $(BUILD)/guahao
endif

.PHONY: build clean lib broker workers cli
build: $(BUILD)/libguahao.a $(PROGRAMS) front ## Build everything
	@:
lib: $(BUILD)/libguahao.a
broker: $(BUILD)/guahao-broker
workers: $(BUILD)/guahao-worker
cli: $(BUILD)/guahao
clean: ## Remove what was built
	rm -rf build

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
