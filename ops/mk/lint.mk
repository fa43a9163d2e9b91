# Static checks of our own C: form (clang-format), cppcheck, clang-tidy, calls we do not use.
LINT_ALL := $(shell git ls-files '*.c' '*.h' 2>/dev/null || find broker front lib ops tests workers -name '*.[ch]')
LINT_C   := $(filter %.c,$(LINT_ALL))
LINT_OUT := $(BUILD)/lint
LINT_FLAGS = -D_GNU_SOURCE -Ilib -I$(BUILD) -I. $(PKG_CFLAGS)

# strncpy and friends hide truncation, the others have no limit at all; numbers are parsed with an explicit range.
BANNED := strcpy|strcat|strncpy|strncat|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|atof|alloca|tmpnam|mktemp

.PHONY: format lint lint-format lint-banned lint-cppcheck lint-tidy
lint: ## Check form and correctness: clang-format, cppcheck, clang-tidy
	@ops/deps.sh build lint
	@$(MAKE) --no-print-directory lint-format lint-banned
	@$(MAKE) --no-print-directory -j2 lint-cppcheck lint-tidy
	@echo "  lint  ok"

format: ## Put all C files into form (clang-format)
	@ops/deps.sh lint
	@clang-format -i $(LINT_ALL)

lint-format:
	@echo "  clang-format"
	@bad=$$({ clang-format --dry-run -Werror $(LINT_ALL) 2>&1 || true; } | sed -n 's/:[0-9:]* error: .*//p' | sort -u); \
	[ -z "$$bad" ] || { echo "not in form, run \`make format\`:" $$bad; exit 1; }

lint-banned:
	@echo "  banned calls"; ! grep -nE '(^|[^A-Za-z0-9_>.])($(BANNED)) *\(' $(filter-out tests/%,$(LINT_ALL))

# clang-tidy and cppcheck keep what they found good: an unchanged file is not checked again. The suppressed checks of
# cppcheck stumble over C and over macros of libraries (tests are full of them); compilers and clang-tidy watch the same.
lint-cppcheck: $(GEN_HDR)
	@echo "  cppcheck"; mkdir -p $(LINT_OUT)/cppcheck
	@cppcheck -q -j2 --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	    --suppress=missingIncludeSystem --suppress=unknownMacro --suppress=missingReturn --suppress=internalAstError \
	    --suppress=uninitvar --suppress=legacyUninitvar --suppress=ctuuninitvar --cppcheck-build-dir=$(LINT_OUT)/cppcheck \
	    -D_GNU_SOURCE -Ilib -I$(BUILD) -I. $(filter-out tests/%,$(LINT_C))

TIDY_STAMPS := $(patsubst %.c,$(LINT_OUT)/tidy/%.ok,$(LINT_C))
lint-tidy: $(TIDY_STAMPS)
$(LINT_OUT)/tidy/%.ok: %.c .clang-tidy $(wildcard lib/*/*.h front/*.h broker/*.h workers/*/*.h) $(GEN_HDR) | $(KORE_STAMP)
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- -std=gnu17 -DKORE_SINGLE_BINARY -isystem $(KORE_DIR)/include $(LINT_FLAGS) 2>$@.err || { cat $@.err; exit 1; }
	@touch $@
