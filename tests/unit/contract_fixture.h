/*
 * tests/unit/contract_fixture.h - a contract written by the test itself
 */
#ifndef GH_TESTS_CONTRACT_FIXTURE_H
#define GH_TESTS_CONTRACT_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "contract/contract.h"

/* Load one file with this text as a contract; NULL when it is refused. */
static inline gh_contract_t *
fixture_load(const char *yaml)
{
    char dir[] = "/tmp/gh.XXXXXX", file[64];
    if (!mkdtemp(dir))
        return NULL;
    snprintf(file, sizeof file, "%s/t.yaml", dir);
    FILE *f = fopen(file, "w");
    if (!f)
        return NULL;
    fputs(yaml, f);
    fclose(f);
    gh_contract_t *c = gh_contract_load(dir, NULL);
    unlink(file);
    rmdir(dir);
    return c;
}

#endif
