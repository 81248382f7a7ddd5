/* SPDX-License-Identifier: MIT */
#include "testing/pair_set.h"

#include <string.h>

#include "core/alloc.h"
#include "testing/random.h"
#include <p2p/err.h>

static int is_free(const p2p__pair *slot)
{
    return slot->a == UINT64_MAX && slot->b == UINT64_MAX;
}

static size_t home(const p2p__pair_set *set, uint64_t a, uint64_t b)
{
    return (size_t)p2p__mix64(a ^ p2p__mix64(b)) & (set->capacity - 1);
}

/* Where the pair is, or the free place where it would go. The set is never full. */
static size_t find(const p2p__pair_set *set, uint64_t a, uint64_t b)
{
    size_t i = home(set, a, b);
    while (!is_free(&set->slots[i]) && (set->slots[i].a != a || set->slots[i].b != b))
        i = (i + 1) & (set->capacity - 1);
    return i;
}

int p2p__pair_set_reserve(p2p__pair_set *set, size_t count, const p2p_allocator *allocator)
{
    size_t capacity = set->capacity ? set->capacity : 16;
    while (capacity / 2 < count) {
        if (capacity > SIZE_MAX / sizeof(p2p__pair) / 2)
            return P2P_ERR_NO_MEMORY;
        capacity *= 2;
    }
    if (capacity == set->capacity)
        return 0;

    p2p__pair_set grown = {p2p__alloc(allocator, capacity * sizeof(p2p__pair)), capacity,
                           set->count};
    if (!grown.slots)
        return P2P_ERR_NO_MEMORY;
    memset(grown.slots, 0xff, capacity * sizeof(p2p__pair));
    for (size_t i = 0; i < set->capacity; i++) {
        const p2p__pair *slot = &set->slots[i];
        if (!is_free(slot))
            grown.slots[find(&grown, slot->a, slot->b)] = *slot;
    }
    p2p__free(allocator, set->slots);
    *set = grown;
    return 0;
}

int p2p__pair_set_add(p2p__pair_set *set, uint64_t a, uint64_t b, const p2p_allocator *allocator)
{
    if (p2p__pair_set_has(set, a, b))
        return 0;
    int r = p2p__pair_set_reserve(set, set->count + 1, allocator);
    if (r < 0)
        return r;
    p2p__pair *slot = &set->slots[find(set, a, b)];
    slot->a = a;
    slot->b = b;
    set->count++;
    return 1;
}

void p2p__pair_set_remove(p2p__pair_set *set, uint64_t a, uint64_t b)
{
    if (!p2p__pair_set_has(set, a, b))
        return;

    /* Those behind the gap move into it if they could not be found across it otherwise. */
    size_t mask = set->capacity - 1;
    size_t gap = find(set, a, b);
    for (size_t i = (gap + 1) & mask; !is_free(&set->slots[i]); i = (i + 1) & mask) {
        size_t from = home(set, set->slots[i].a, set->slots[i].b);
        if (((i - from) & mask) >= ((i - gap) & mask)) {
            set->slots[gap] = set->slots[i];
            gap = i;
        }
    }
    set->slots[gap].a = UINT64_MAX;
    set->slots[gap].b = UINT64_MAX;
    set->count--;
}

int p2p__pair_set_has(const p2p__pair_set *set, uint64_t a, uint64_t b)
{
    return set->capacity && !is_free(&set->slots[find(set, a, b)]);
}

void p2p__pair_set_free(p2p__pair_set *set, const p2p_allocator *allocator)
{
    p2p__free(allocator, set->slots);
    memset(set, 0, sizeof *set);
}
