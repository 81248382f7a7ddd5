/* SPDX-License-Identifier: MIT */
#include "protocol/p2pke/queue.h"

#include <string.h>

#include "core/alloc.h"

int p2p__pke_queue_has_room(const p2p__pke_queue *q, const p2p_pke_endpoint *ep, size_t len)
{
    return q->count < ep->config.max_queue && len <= ep->config.max_queue_bytes &&
           q->bytes <= ep->config.max_queue_bytes - len;
}

int p2p__pke_queue_push(p2p__pke_queue *q, const p2p_pke_endpoint *ep, const p2p_iov *iov, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += iov[i].len;
    if (!p2p__pke_queue_has_room(q, ep, len))
        return P2P_ERR_AGAIN;
    p2p__pke_queued *item = p2p__alloc(&ep->allocator, sizeof *item + len);
    if (!item)
        return P2P_ERR_NO_MEMORY;
    item->next = NULL;
    item->len = 0;
    for (size_t i = 0; i < n; i++) {
        if (iov[i].len)
            memcpy(item->data + item->len, iov[i].data, iov[i].len);
        item->len += iov[i].len;
    }
    if (q->last)
        q->last->next = item;
    else
        q->first = item;
    q->last = item;
    q->count++;
    q->bytes += len;
    return 0;
}

void p2p__pke_queue_pop(p2p__pke_queue *q, const p2p_pke_endpoint *ep)
{
    p2p__pke_queued *item = q->first;
    q->first = item->next;
    if (!q->first)
        q->last = NULL;
    q->count--;
    q->bytes -= item->len;
    /* What waits to be encrypted is secret. */
    p2p__wipe(item->data, item->len);
    p2p__free(&ep->allocator, item);
}

void p2p__pke_queue_clear(p2p__pke_queue *q, const p2p_pke_endpoint *ep)
{
    while (q->first)
        p2p__pke_queue_pop(q, ep);
}
