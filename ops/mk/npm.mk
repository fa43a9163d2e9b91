# What comes from npm: fetched once by the lock file beside each package.json, without running any script of a package. A
# folder of the build holds it, named after the contents of the lock file, so that a change fetches anew.
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

# $(1) source folder: where its packages are
npm_dir = build/npm/$(notdir $(1))-$(shell cat $(1)/package.json $(1)/package-lock.json | cksum | cut -d' ' -f1)

define npm_rule # source folder
$(call npm_dir,$(1))/.done:
	@echo "  NPM   $(1)"
	@rm -rf build/npm/$(notdir $(1))-* && mkdir -p $$(@D)
	@cp $(1)/package.json $(1)/package-lock.json $(1)/.npmrc $$(@D)/
	@cd $$(@D) && $(NPM_CI) >npm.log 2>&1 || { cat npm.log >&2; exit 1; }
	@touch $$@
endef
