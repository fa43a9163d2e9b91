/*
 * front/revoked.c - hash table with open addressing; rebuilt when it fills up or entries are over
 */
#include "front/revoked.h"

#include <stdlib.h>

#include "base/hash.h"

typedef struct entry {
    uint8_t key[16]; /* session id, or 8 zero bytes and the user id */
    int64_t until_s; /* 0: free */
    int64_t before_s;
} entry_t;

struct front_revoked {
    entry_t *at;
    size_t size, n; /* size is a power of two */
};

static void
user_key(int64_t user, uint8_t key[16])
{
    memset(key, 0, 8);
    memcpy(key + 8, &user, 8);
}

static entry_t *
slot(entry_t *at, size_t size, const uint8_t key[16])
{
    size_t i = gh_hash64(key, 16) & (size - 1);
    while (at[i].until_s && memcmp(at[i].key, key, 16) != 0)
        i = (i + 1) & (size - 1);
    return &at[i];
}

/* Move what lives beyond now_s into a table of this size. */
static int
rebuild(front_revoked_t *list, size_t size, int64_t now_s)
{
    entry_t *at = calloc(size, sizeof *at);
    if (!at)
        return -1;
    size_t n = 0;
    for (size_t i = 0; i < list->size; i++)
        if (list->at[i].until_s > now_s) {
            *slot(at, size, list->at[i].key) = list->at[i];
            n++;
        }
    free(list->at);
    *list = (front_revoked_t){at, size, n};
    return 0;
}

front_revoked_t *
front_revoked_new(void)
{
    front_revoked_t *list = calloc(1, sizeof *list);
    if (list && rebuild(list, 64, 0))
        front_revoked_destroy(&list);
    return list;
}

void
front_revoked_destroy(front_revoked_t **list_p)
{
    if (*list_p)
        free((*list_p)->at);
    free(*list_p);
    *list_p = NULL;
}

static int
add(front_revoked_t *list, const uint8_t key[16], int64_t before_s, int64_t until_s)
{
    if (until_s <= 0)
        return 0;
    if (list->n >= FRONT_REVOKED_MAX || (2 * (list->n + 1) > list->size && rebuild(list, 2 * list->size, 0)))
        return -1;
    entry_t *e = slot(list->at, list->size, key);
    if (!e->until_s) {
        memcpy(e->key, key, 16);
        list->n++;
    }
    e->until_s = until_s > e->until_s ? until_s : e->until_s;
    e->before_s = before_s > e->before_s ? before_s : e->before_s;
    return 0;
}

int
front_revoked_session(front_revoked_t *list, const uint8_t sid[16], int64_t until_s)
{
    return add(list, sid, 0, until_s);
}

int
front_revoked_user(front_revoked_t *list, int64_t user, int64_t before_s, int64_t until_s)
{
    uint8_t key[16];
    user_key(user, key);
    return add(list, key, before_s, until_s);
}

bool
front_revoked_has(const front_revoked_t *list, const uint8_t sid[16], int64_t user, int64_t iat_s)
{
    if (list->n == 0)
        return false;
    if (slot(list->at, list->size, sid)->until_s)
        return true;
    uint8_t key[16];
    user_key(user, key);
    const entry_t *e = slot(list->at, list->size, key);
    return e->until_s && iat_s < e->before_s;
}

void
front_revoked_expire(front_revoked_t *list, int64_t now_s)
{
    size_t alive = 0;
    for (size_t i = 0; i < list->size; i++)
        alive += list->at[i].until_s > now_s;
    if (alive == list->n)
        return;
    size_t size = 64;
    while (size < 4 * alive)
        size *= 2;
    (void)rebuild(list, size, now_s); /* without memory the old table still tells the truth */
}

size_t
front_revoked_count(const front_revoked_t *list)
{
    return list->n;
}
