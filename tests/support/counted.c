/* SPDX-License-Identifier: MIT */
#include "support/counted.h"

#include <p2p/sim.h>

#include "support/check.h"

/* Before each piece of memory, so that its size is known when it is freed. */
typedef union header {
    size_t size;
    max_align_t align;
} header;

static int refuses(counted *memory)
{
    memory->calls++;
    return memory->failing || memory->calls == memory->fail_at;
}

static void *counted_alloc(void *arg, size_t size)
{
    counted *memory = arg;
    header *piece = refuses(memory) ? NULL : malloc(sizeof *piece + size);
    if (!piece)
        return NULL;
    piece->size = size;
    memory->live++;
    memory->bytes += size;
    return piece + 1;
}

static void *counted_resize(void *arg, void *ptr, size_t size)
{
    counted *memory = arg;
    if (!ptr)
        return counted_alloc(arg, size);
    header *piece = (header *)ptr - 1;
    size_t before = piece->size;
    piece = refuses(memory) ? NULL : realloc(piece, sizeof *piece + size);
    if (!piece)
        return NULL;
    piece->size = size;
    memory->bytes += size - before;
    return piece + 1;
}

static void counted_free(void *arg, void *ptr)
{
    counted *memory = arg;
    if (!ptr)
        return;
    header *piece = (header *)ptr - 1;
    memory->live--;
    memory->bytes -= piece->size;
    free(piece);
}

p2p_allocator counted_allocator(counted *memory)
{
    memset(memory, 0, sizeof *memory);
    p2p_allocator allocator = {counted_alloc, counted_resize, counted_free, memory};
    return allocator;
}

p2p_loop *counted_sim(counted *memory, uint64_t seed)
{
    p2p_allocator allocator = counted_allocator(memory);
    p2p_loop_config config;
    p2p_loop *loop = NULL;
    p2p_loop_config_init(&config);
    config.allocator = &allocator;
    config.seed = seed;
    assert_ok(p2p_sim_new(&loop, &config));
    return loop;
}

static void keep_log(void *arg, p2p_log_level level, const char *text)
{
    counted *memory = arg;
    (void)level;
    memory->logs++;
    snprintf(memory->last_log, sizeof memory->last_log, "%s", text);
}

p2p_loop *counted_loop(counted *memory)
{
    p2p_allocator allocator = counted_allocator(memory);
    p2p_loop_config config;
    p2p_loop *loop = NULL;
    p2p_loop_config_init(&config);
    config.allocator = &allocator;
    config.log = keep_log;
    config.log_arg = memory;
    assert_ok(p2p_loop_new(&loop, &config));
    return loop;
}

void counted_end(p2p_loop *loop, const counted *memory)
{
    assert_ok(p2p_loop_free(loop));
    assert_int_equal(memory->live, 0);
    assert_int_equal(memory->bytes, 0);
}
