# Packages (ops/deps.sh).
.PHONY: deps
deps: ## Install the Debian packages that are missing
	@ops/deps.sh
