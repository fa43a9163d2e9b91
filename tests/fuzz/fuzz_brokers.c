// sources: lib/wire/broker_list.c lib/base/conf*.c lib/base/media.c lib/base/mask.c lib/base/networks.c lib/base/buf.c lib/base/gh.c lib/base/hash.c lib/base/log*.c lib/base/json.c lib/base/money.c lib/base/timez.c lib/base/uuid7.c
/*
 * tests/fuzz/fuzz_brokers.c - the list of brokers, as a file that operators write (wire/broker_list.h), and a list of a setting
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#include "wire/broker_list.h"

/* A list that was accepted, written anew, is the same list. */
static void
s_again(const gh_broker_list_t *list)
{
    static gh_broker_list_t again;
    static char text[GH_BROKERS_MAX * sizeof list->at[0]], why[256];
    size_t at = 0;
    for (size_t i = 0; i < list->n; i++) {
        const gh_broker_at_t *b = &list->at[i];
        at += (size_t)snprintf(text + at, sizeof text - at, "%s %s %s %s %s\n", b->name, b->inner,
                               b->events_in, b->events_out, b->cert);
    }
    FUZZ_CHECK(gh_broker_list_parse((gh_str_t){text, at}, &again, why, sizeof why) == 0 &&
               again.n == list->n);
    for (size_t i = 0; i < list->n; i++)
        FUZZ_CHECK(gh_broker_same(&list->at[i], &again.at[i]));
}

static void
s_entries(gh_str_t text)
{
    static char list[4096];
    char out[GH_BROKER_ENDPOINT];
    size_t n = text.n < sizeof list - 1 ? text.n : sizeof list - 1;
    memcpy(list, text.p, n);
    list[n] = '\0';
    for (size_t i = 0; i < 20; i++) {
        gh_list_entry(list, i, i % 2, out, sizeof out);
        FUZZ_CHECK(!strpbrk(out, ", ") && (!*out || strstr(list, out)));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static gh_broker_list_t list;
    gh_str_t text = {(const char *)data, n};
    char why[256] = "";
    s_entries(text);
    if (gh_broker_list_parse(text, &list, why, sizeof why)) {
        FUZZ_CHECK(*why && list.n == 0);
        return -1;
    }
    FUZZ_CHECK(list.n > 0 && list.n <= GH_BROKERS_MAX);
    s_again(&list);
    return 0;
}

void
fuzz_examples(void)
{
    static const char *const good[] = {
        "# name inner in out\neast tcp://10.0.0.5:5570 tcp://10.0.0.5:5571 tcp://10.0.0.5:5572 "
        "/etc/guahao/east.key\n"
        "west\tipc:///run/w.sock ipc:///run/w-in.sock ipc:///run/w-out.sock # here\r\n\n",
        "a ipc://a ipc://b ipc://c",
        "# tcp://127.0.0.1:1, ipc:///x,\nb tcp://a:1 tcp://a:2 tcp://a:3 b.key\n"};
    for (size_t i = 0; i < GH_COUNT(good); i++)
        fuzz_add(good[i], strlen(good[i]));
}
