/* SPDX-License-Identifier: MIT */
#include <p2p/testing.h>

#include "core/alloc.h"
#include "testing/pair_set.h"

struct p2p_drop_first {
    p2p_allocator allocator;
    p2p__pair_set seen;
    int ordered;
};

int p2p_drop_first_new(p2p_drop_first **out, int ordered, const p2p_allocator *allocator)
{
    if (!out)
        return P2P_ERR_INVALID;
    if (!allocator)
        allocator = p2p_default_allocator();
    p2p_drop_first *transform = p2p__zalloc(allocator, sizeof *transform);
    if (!transform)
        return P2P_ERR_NO_MEMORY;
    transform->allocator = *allocator;
    transform->ordered = ordered;
    *out = transform;
    return 0;
}

void p2p_drop_first_free(p2p_drop_first *transform)
{
    if (!transform)
        return;
    p2p_allocator allocator = transform->allocator;
    p2p__pair_set_free(&transform->seen, &allocator);
    p2p__free(&allocator, transform);
}

int p2p_drop_first_transform(void *transform, uint64_t from, uint64_t to, uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    p2p_drop_first *self = transform;
    int swap = !self->ordered && from > to;
    int r = p2p__pair_set_add(&self->seen, swap ? to : from, swap ? from : to, &self->allocator);

    /* Without memory to remember the pair, dropping would cut it off for ever. */
    return r == 1 ? P2P_DROP : P2P_PASS;
}
