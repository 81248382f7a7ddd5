/* SPDX-License-Identifier: MIT */
#ifndef COUNTED_H
#define COUNTED_H

/* An allocator that knows how much of its memory is in use. */
#include <stddef.h>

#include <p2p/alloc.h>

typedef struct counted {
    p2p_allocator allocator;
    size_t bytes; /* in use */
    size_t peak;  /* the most that were in use; may be set back */
} counted;

/* Must stay in place while it is used. */
void counted_init(counted *c);

#endif
