/* SPDX-License-Identifier: MIT */
#include "swarm/realm.h"

#include "core/alloc.h"

#define CLASS_SIZE(c) ((size_t)P2P__MESSAGE_MIN << (c))

/* How many messages of a class are kept. */
#define MOST_POOLED(c) (P2P__MESSAGE_POOL / (sizeof(p2p__message) + CLASS_SIZE(c)))

static unsigned class_for(size_t len)
{
    if (len <= P2P__MESSAGE_MIN)
        return 0;
    unsigned c = 64 - (unsigned)__builtin_clzll((len - 1) / P2P__MESSAGE_MIN);
    return c < P2P__MESSAGE_CLASSES ? c : P2P__MESSAGE_CLASSES;
}

p2p__message *p2p__message_new(p2p_realm *realm, p2p_message_kind kind, size_t len)
{
    unsigned c = class_for(len);
    p2p__message *message;
    if (c < P2P__MESSAGE_CLASSES && realm->pool[c]) {
        message = realm->pool[c];
        realm->pool[c] = message->next_free;
        realm->pooled[c]--;
    } else {
        size_t size = c < P2P__MESSAGE_CLASSES ? CLASS_SIZE(c) : len;
        uint8_t shift;
        message = p2p__alloc_line(realm->allocator, sizeof *message + size, &shift);
        if (!message)
            return NULL;
        message->shift = shift;
    }
    message->key = NULL;
    message->epoch = 0;
    message->size_class = (uint8_t)c;
    message->len = (uint32_t)len;
    message->ask_id = 0;
    message->deadline = 0;
    message->kind = (uint8_t)kind;
    message->status = 0;
    message->code = 0;
    message->tries = 0;
    message->counted = false;
    message->resend = false;
    return message;
}

p2p__message *p2p__message_from(p2p__mem *mem, p2p_message_kind kind, size_t len)
{
    p2p__message *message = p2p__message_new(mem->realm, kind, len);
    if (!message)
        return NULL;
    message->from = mem->number;
    message->epoch = mem->epoch;
    if (kind == P2P_MESSAGE_RESPONSE)
        return message;
    message->key = mem->key;
    if (mem->key)
        mem->key->uses++;
    return message;
}

void p2p__key_release(p2p_realm *realm, p2p__key *key)
{
    if (key && --key->uses == 0)
        p2p__free(realm->allocator, key);
}

void p2p__message_free(p2p_realm *realm, p2p__message *message)
{
    if (message->kind != P2P_MESSAGE_RESPONSE && message->key)
        p2p__key_release(realm, message->key);
    unsigned c = message->size_class;
    if (c == P2P__MESSAGE_CLASSES || realm->pooled[c] >= MOST_POOLED(c)) {
        p2p__free_line(realm->allocator, message, message->shift);
        return;
    }
    message->next_free = realm->pool[c];
    realm->pool[c] = message;
    realm->pooled[c]++;
}

void p2p__message_free_pool(p2p_realm *realm)
{
    for (unsigned c = 0; c < P2P__MESSAGE_CLASSES; c++) {
        while (realm->pool[c]) {
            p2p__message *message = realm->pool[c];
            realm->pool[c] = message->next_free;
            p2p__free_line(realm->allocator, message, message->shift);
        }
    }
}
