# Generated C: the error table from schema/openapi/errors.yaml, statement tables from .sql files.
GEN      := $(BUILD)/gen
GEN_TOOL := $(GEN)/ghgen
SQL_DIRS := $(sort $(patsubst %/,%,$(dir $(wildcard lib/*/*.sql workers/*/*.sql ops/*/*.sql))))
GEN_HDR  := $(GEN)/error_table.h $(foreach d,$(SQL_DIRS),$(GEN)/sql_$(notdir $(d)).h)
GEN_SRC  := $(GEN)/error_table.c $(foreach d,$(SQL_DIRS),$(GEN)/sql_$(notdir $(d)).c)
GEN_OBJ  := $(GEN_SRC:.c=.o)

$(GEN_TOOL): ops/gen/ghgen.c
	@ops/deps.sh --check build || { echo "run \`make deps\` first"; exit 1; }
	@mkdir -p $(@D)
	@echo "  GEN   $@"
	@$(CC) -D_GNU_SOURCE $(WARN) -std=gnu17 -O1 $< $(shell pkg-config --cflags --libs yaml-0.1 2>/dev/null) -o $@

$(GEN)/error_table.h $(GEN)/error_table.c &: schema/openapi/errors.yaml $(GEN_TOOL)
	@$(GEN_TOOL) errors $< $(GEN)/error_table

define sql_rule # directory
$(GEN)/sql_$(notdir $(1)).h $(GEN)/sql_$(notdir $(1)).c &: $(wildcard $(1)/*.sql) $(GEN_TOOL)
	@$(GEN_TOOL) sql $(notdir $(1)) $(GEN)/sql_$(notdir $(1)) $(wildcard $(1)/*.sql)
endef
$(foreach d,$(SQL_DIRS),$(eval $(call sql_rule,$(d))))

$(GEN)/%.o: $(GEN)/%.c $(GEN_HDR)
	@$(CC) $(CPPFLAGS) $(WARN) $(CFLAGS) -c $< -o $@
