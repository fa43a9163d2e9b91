/*
 * broker/list.h - intrusive doubly linked list with a head; a link that is in no list points to itself
 */
#ifndef GH_BROKER_LIST_H
#define GH_BROKER_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct gh_link {
    struct gh_link *prev, *next;
} gh_link_t;

#define GH_LINK_OWNER(link_, type, member) ((type *)(void *)((char *)(link_)-offsetof(type, member)))

static inline void
gh_list_init(gh_link_t *l)
{
    l->prev = l->next = l;
}

static inline bool
gh_list_empty(const gh_link_t *head)
{
    return head->next == head;
}

static inline void
gh_list_insert(gh_link_t *before, gh_link_t *l)
{
    l->prev = before->prev;
    l->next = before;
    before->prev->next = l;
    before->prev = l;
}

static inline void
gh_list_push_tail(gh_link_t *head, gh_link_t *l)
{
    gh_list_insert(head, l);
}

static inline void
gh_list_push_head(gh_link_t *head, gh_link_t *l)
{
    gh_list_insert(head->next, l);
}

/* Harmless for a link that is in no list. */
static inline void
gh_list_remove(gh_link_t *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    gh_list_init(l);
}

#endif
