# Running the system (ops/dev/run.sh): make run, up, down.
.PHONY: run up down
run up: export GUAHAO_BUILD = $(abspath $(BUILD))
run: ## Install, build, start all with demo data; Ctrl-C stops
	@ops/deps.sh run build
	@$(MAKE) --no-print-directory build
	@ops/dev/run.sh run
up: ## The same in the background; returns when it is ready
	@ops/deps.sh run build
	@$(MAKE) --no-print-directory build
	@ops/dev/run.sh up
down: ## Stop what `make up` or `make run` started
	@ops/dev/run.sh down
