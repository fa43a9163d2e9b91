# The HTTP front: Kore from its installed sources (Debian's package ships them; `kodev source` names the folder) with the
# patches of front/kore/ and the code of front/, in one binary. Kore's own files are not held to our warnings.
FRONT_SRC   := $(sort $(wildcard front/*.c))
FRONT_BIN   := $(BUILD)/guahao-front
KORE_DIR    := $(BUILD)/kore
KORE_PATCH  := $(sort $(wildcard front/kore/*.patch))
# Named after the list, so that a patch that goes away counts too.
KORE_STAMP  := $(KORE_DIR)/.patched-$(shell echo $(KORE_PATCH) | cksum | cut -d' ' -f1)
KORE_NAMES  := kore buf config connection domain filemap fileref json mem msg module net pool runtime timer utils worker \
               keymgr auth accesslog http validator websocket linux seccomp
KORE_OBJ    := $(KORE_NAMES:%=$(KORE_DIR)/obj/%.o) $(KORE_DIR)/obj/version.o
# A forbidden system call ends the process, which is logged and started anew: a lone dead ZeroMQ thread would go unnoticed.
KORE_FLAGS  := -DSECCOMP_KILL_POLICY=SECCOMP_RET_KILL_PROCESS -D_GNU_SOURCE -DKORE_SINGLE_BINARY -DPREFIX='"/usr"' -I$(KORE_DIR)/include/kore -I$(KORE_DIR)/obj -w

$(KORE_STAMP): $(KORE_PATCH) ops/mk/front.mk
	@src=$$(kodev source 2>/dev/null || true); \
	 test -n "$$src" -a -d "$$src/src" || { echo "Kore's sources are not installed: run make deps" >&2; exit 1; }; \
	 rm -rf $(KORE_DIR) && mkdir -p $(KORE_DIR)/obj && cp -R "$$src/src" "$$src/include" "$$src/misc" "$$src/RELEASE" $(KORE_DIR)/
	@for p in $(KORE_PATCH); do \
	    echo "  PATCH $$p"; patch -d $(KORE_DIR) -s -N -p1 < $$p || exit 1; done
	@sh $(KORE_DIR)/misc/linux-platform.sh > $(KORE_DIR)/obj/platform.h
	@printf 'const char *kore_version = "%s";\n' "$$(cat $(KORE_DIR)/RELEASE)" > $(KORE_DIR)/obj/version.c
	@touch $@

# Kore's main becomes a function that ours calls when the configuration is ready.
$(KORE_DIR)/obj/kore.o: KORE_FLAGS += -Dmain=kore_main
$(KORE_DIR)/obj/version.o: $(KORE_STAMP)
	@$(CC) $(CFLAGS) $(KORE_FLAGS) -c $(KORE_DIR)/obj/version.c -o $@
$(KORE_DIR)/obj/%.o: $(KORE_STAMP)
	@echo "  KORE  $*"
	@$(CC) $(CFLAGS) $(KORE_FLAGS) -c $(KORE_DIR)/src/$*.c -o $@

$(call obj,$(FRONT_SRC)): CPPFLAGS += -DKORE_SINGLE_BINARY -isystem $(KORE_DIR)/include $(if $(SAN),-DFRONT_SANITIZED)
# A patch may change the layout of what they share.
$(call obj,$(FRONT_SRC)): $(KORE_STAMP)

# Kore finds our hooks by name, hence -rdynamic.
$(FRONT_BIN): $(call obj,$(FRONT_SRC)) $(KORE_OBJ) $(BUILD)/libguahao.a
	@echo "  LD    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -rdynamic $(filter %.o,$^) $(BUILD)/libguahao.a $(LDLIBS) -lssl -lcrypto -lz -ldl -o $@

.PHONY: front
front: $(FRONT_BIN)
