# The pages /docs and /redoc: our own files of front/docs/ beside the bundles of Swagger UI and Redoc, which come from npm. Redoc's
# mark would be fetched from another server: it is left out.
# The front reads them from build/docs in a checkout (also for SAN=1), `make install` copies them.
DOCS_DIR   := build/docs
DOCS_NPM   := $(call npm_dir,front/docs)
DOCS_OWN   := $(wildcard front/docs/*.html front/docs/docs.js front/docs/redoc.js front/docs/*.css)
DOCS_STAMP := $(DOCS_DIR)/.done-$(notdir $(DOCS_NPM))
$(eval $(call npm_rule,front/docs))

$(DOCS_STAMP): $(DOCS_NPM)/.done $(DOCS_OWN) ops/mk/docs.mk
	@rm -rf $(DOCS_DIR) && mkdir -p $(DOCS_DIR)
	@cp $(DOCS_OWN) $(DOCS_DIR)/
	@cd $(DOCS_NPM)/node_modules && cp swagger-ui-dist/swagger-ui-bundle.js swagger-ui-dist/swagger-ui.css $(CURDIR)/$(DOCS_DIR)/
	@sed 's|https://cdn.redoc.ly/redoc/logo-mini.svg|data:,|' $(DOCS_NPM)/node_modules/redoc/bundles/redoc.standalone.js \
	    >$(DOCS_DIR)/redoc.standalone.js
	@cp $(DOCS_NPM)/node_modules/swagger-ui-dist/LICENSE $(DOCS_DIR)/swagger-ui.LICENSE
	@cp $(DOCS_NPM)/node_modules/swagger-ui-dist/NOTICE $(DOCS_DIR)/swagger-ui.NOTICE
	@cp $(DOCS_NPM)/node_modules/redoc/LICENSE $(DOCS_DIR)/redoc.LICENSE
	@touch $@

.PHONY: docs
docs: $(DOCS_STAMP)
build: docs
