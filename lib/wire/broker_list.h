/*
 * lib/wire/broker_list.h - which brokers there are: the file `link.brokers`, or the settings link.*
 *
 * The file has one broker a line, its endpoints as peers reach them, and may change while all runs:
 *
 *   # name  inner                 events_in             events_out            [certificate]
 *   east    tcp://10.0.0.5:5570   tcp://10.0.0.5:5571   tcp://10.0.0.5:5572   /etc/guahao/east.key
 *
 * Its name is the same on all hosts (fronts give the jobs of one shard to one broker by it), its certificate the public CURVE
 * one, link.server_cert without. Without the file the brokers are entry by entry those of link.inner, link.events_in and
 * link.events_out, named 1, 2, ...
 */
#ifndef GH_WIRE_BROKER_LIST_H
#define GH_WIRE_BROKER_LIST_H

#include "base/conf.h"

#define GH_BROKERS_MAX      16
#define GH_BROKER_ENDPOINT  256
#define GH_BROKER_NAME      40
#define GH_BROKER_CERT_PATH 1024

/* One broker. An entry of shorter settings may lack events_in or events_out: "". No pointers: compared by gh_broker_same(). */
typedef struct gh_broker_at {
    char name[GH_BROKER_NAME];
    char inner[GH_BROKER_ENDPOINT], events_in[GH_BROKER_ENDPOINT], events_out[GH_BROKER_ENDPOINT];
    char cert[GH_BROKER_CERT_PATH];
} gh_broker_at_t;

typedef struct gh_broker_list {
    gh_broker_at_t at[GH_BROKERS_MAX];
    size_t n;
} gh_broker_list_t;

/* Read lines of the file. -1: why (at most size bytes) names line and fault, the list is empty then. Pure. */
int gh_broker_list_parse(gh_str_t text, gh_broker_list_t *out, char *why, size_t size) GH_MUSTCHECK;

/* Entry `i` of a comma list; "" behind its end, or the last entry with `last`. */
void gh_list_entry(const char *list, size_t i, bool last, char *out, size_t size);

/* What the file says, or without one the settings. -1: why. */
int gh_broker_list_load(const gh_conf_t *conf, gh_broker_list_t *out, char *why, size_t size) GH_MUSTCHECK;

/* A broker whose beat was not heard for so long is not used: broker.liveness heartbeats, 3 s at most (decisions 11). */
int64_t gh_broker_silence_ms(const gh_conf_t *conf);

bool gh_broker_same(const gh_broker_at_t *a, const gh_broker_at_t *b);
/* Is this very broker in the list? */
bool gh_broker_listed(const gh_broker_list_t *list, const gh_broker_at_t *b);

/* Follow the file: starts as {0}. */
typedef struct gh_broker_follow {
    int64_t look_ms; /* the next look */
    struct {
        uint64_t device, inode, size;
        int64_t changed_ns;
    } seen;
    bool known, settling;
} gh_broker_follow_t;

/* Look at the file, at most twice a second. True when the list has become another one, after a log line. A file that changes is
 * read when it has been the same for two looks; what cannot be read, or holds a fault, is logged once and changes nothing, like a
 * file that goes away. */
bool gh_broker_follow(gh_broker_follow_t *f, const gh_conf_t *conf, int64_t now_ms, gh_broker_list_t *list);

#endif
