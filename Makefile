# Guahao - `make help` lists what there is.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
MAKEFLAGS   += --no-builtin-rules

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
# SAN=1 builds everything with AddressSanitizer and UBSan, into a directory of its own.
SAN     ?=
BUILD   ?= build$(if $(SAN),/san)

PKGS    := libczmq libzmq libpq libjwt jansson libcrypto yaml-0.1
# Asked once, and only when something is compiled: `make deps` may have to install pkg-config first.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
CPPFLAGS += -D_GNU_SOURCE -Ilib -I$(BUILD) -I. $(PKG_CFLAGS)
WARN    := -Wall -Wextra -Werror -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
           -Wvla -Wformat=2 -Wundef
CFLAGS  ?= -O2 -g
CFLAGS  += -std=gnu17 -fno-strict-aliasing -fno-omit-frame-pointer -pthread
LDFLAGS += -pthread
LDLIBS  += $(PKG_LIBS) -lcrypt -lz -lm
ifeq ($(SAN),1)
CFLAGS  += -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDFLAGS += -fsanitize=address,undefined
# With sanitizers gcc guesses ranges badly (its manual says so); the ordinary build keeps these warnings.
WARN    += $(if $(findstring clang,$(CC)),,-Wno-format-truncation -Wno-maybe-uninitialized)
else
CFLAGS  += -fstack-protector-strong
CPPFLAGS += $(if $(findstring -O0,$(CFLAGS)),,-D_FORTIFY_SOURCE=2)
endif

include ops/mk/gen.mk
include ops/mk/programs.mk
include ops/mk/npm.mk
include ops/mk/front.mk
include ops/mk/docs.mk
include ops/mk/tests.mk
include ops/mk/bench.mk
include ops/mk/lint.mk
include ops/mk/fuzz.mk
include ops/mk/run.mk
include ops/mk/deps.mk
include ops/mk/install.mk

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z][a-z_-]*:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'
