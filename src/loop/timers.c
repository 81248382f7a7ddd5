/* SPDX-License-Identifier: MIT */
#include "loop/timers.h"

#include <stddef.h>

/*
 * Shape: child is the first child, next the next sibling, prev the previous sibling or, for a first
 * child, the parent. The root is its own prev, so that prev == NULL means "in no heap".
 */
static int before(const p2p_timer *a, const p2p_timer *b)
{
    return a->deadline < b->deadline || (a->deadline == b->deadline && a->sequence < b->sequence);
}

/* Makes the later of two roots the first child of the earlier, which is returned. */
static p2p_timer *meld(p2p_timer *a, p2p_timer *b)
{
    if (before(b, a)) {
        p2p_timer *swap = a;
        a = b;
        b = swap;
    }
    b->next = a->child;
    if (b->next)
        b->next->prev = b;
    b->prev = a;
    a->child = b;
    return a;
}

/* Melds a list of siblings: pairs from left to right, then the pairs from right to left. */
static p2p_timer *meld_siblings(p2p_timer *first)
{
    p2p_timer *pairs = NULL; /* a stack, linked by next */
    while (first) {
        p2p_timer *a = first;
        p2p_timer *b = a->next;
        first = b ? b->next : NULL;
        a->next = NULL;
        if (b) {
            b->next = NULL;
            a = meld(a, b);
        }
        a->next = pairs;
        pairs = a;
    }
    p2p_timer *root = pairs;
    if (!root)
        return NULL;
    pairs = root->next;
    root->next = NULL;
    while (pairs) {
        p2p_timer *pair = pairs;
        pairs = pair->next;
        pair->next = NULL;
        root = meld(root, pair);
    }
    return root;
}

static void set_root(p2p_timer **root, p2p_timer *timer)
{
    *root = timer;
    if (timer) {
        timer->prev = timer;
        timer->next = NULL;
    }
}

void p2p__timers_insert(p2p_timer **root, p2p_timer *timer)
{
    timer->child = NULL;
    timer->next = NULL;
    set_root(root, *root ? meld(*root, timer) : timer);
}

void p2p__timers_remove(p2p_timer **root, p2p_timer *timer)
{
    p2p_timer *rest = meld_siblings(timer->child);
    if (timer == *root) {
        set_root(root, rest);
    } else {
        if (timer->prev->child == timer)
            timer->prev->child = timer->next;
        else
            timer->prev->next = timer->next;
        if (timer->next)
            timer->next->prev = timer->prev;
        if (rest)
            set_root(root, meld(*root, rest));
    }
    timer->child = timer->next = timer->prev = NULL;
}
