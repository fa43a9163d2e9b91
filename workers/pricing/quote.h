/*
 * workers/pricing/quote.h - quotes (quote.c)
 */
#ifndef GH_PRICING_QUOTE_H
#define GH_PRICING_QUOTE_H

#include "worker/worker.h"

gh_step_t gh_quote_sessions(gh_batch_t *b);

#endif
