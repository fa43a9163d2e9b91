/*
 * lib/base/trace.h - W3C trace context (www.w3.org/TR/trace-context), and where in the program something went wrong
 *
 * A traceparent is 00-<trace id, 32 hex>-<parent id, 16 hex>-<flags, 2 hex>. A good one travels unchanged from the request through the
 * job to log lines, to the session's name in PostgreSQL, into durable jobs and messages; tracestate is dropped, as it may be.
 */
#ifndef GH_BASE_TRACE_H
#define GH_BASE_TRACE_H

#include "base/gh.h"

#define GH_TRACE_N    55
#define GH_TRACE_TEXT (GH_TRACE_N + 1)
#define GH_TRACE_ID_N 32

/* Read a traceparent of any version; out gets it as one of version 00. False: it is none, out is "". */
bool gh_trace_parse(gh_str_t text, char out[GH_TRACE_TEXT]);
/* A new trace of a request or job: its id is the id's 16 bytes. Not sampled. */
void gh_trace_make(const uint8_t id[16], char out[GH_TRACE_TEXT]);
/* The 32 digits that name the trace; empty when this is no traceparent of version 00. */
gh_str_t gh_trace_id(gh_str_t trace);
/* The caller records this trace (flag 01): worth some work. */
bool gh_trace_sampled(gh_str_t trace);

#define GH_BACKTRACE_TEXT 1024
/* The calls that led here, innermost first, "f+0x12<g+0x3a", from skip frames above the caller on. */
void gh_backtrace_text(int skip, char out[GH_BACKTRACE_TEXT]);

#endif
