# Packages (ops/deps.sh) and installation.
.PHONY: deps install
deps: ## Install the Debian packages that are missing
	@ops/deps.sh

PREFIX  ?= /usr/local
DESTDIR ?=
SHARE   := $(DESTDIR)$(PREFIX)/share/guahao
install: build ## Install into $(DESTDIR)$(PREFIX)
	@install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)
	@for p in guahao guahao-broker guahao-front guahao-worker; do \
	    [ ! -x $(BUILD)/$$p ] || install -m 755 $(BUILD)/$$p $(DESTDIR)$(PREFIX)/bin/; done
	@find schema conf -type f ! -name README.md -print0 | while IFS= read -r -d '' f; do \
	    install -D -m 644 "$$f" "$(SHARE)/$$f"; done
	@for f in $(DOCS_DIR)/*; do install -D -m 644 "$$f" "$(SHARE)/docs/$${f##*/}"; done
	@echo "  installed into $(DESTDIR)$(PREFIX)"
