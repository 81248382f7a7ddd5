/* SPDX-License-Identifier: MIT */
/*
 * Sending. A tell copies its payload to the end of the arena and either joins the run before it
 * (same destination, same length) or begins a new one. A flush hands the runs to the kernel and
 * starts again at the front of the arena. When the socket takes no more, what is left waits, and
 * the whole arena may fill up behind it.
 */
#include "swarm/udp.h"

#include <errno.h>
#include <string.h>

#include "core/addr_layout.h"
#include "swarm/udp_addr.h"

/* How long to wait after an error for which there is no event that it is over. */
#define RETRY_DELAY P2P_MILLISECOND

static void flush(p2p__udp *udp);

static void on_flush(void *arg)
{
    p2p__udp *udp = arg;
    if (!udp->tx.blocked)
        flush(udp);
}

static void on_retry(void *arg)
{
    p2p__udp_unblock(arg);
}

static void set_blocked(p2p__udp_tx *tx, bool blocked)
{
    tx->blocked = blocked;
    tx->limit = tx->capacity;
    tx->limit_runs = tx->capacity_runs;
    if (!blocked && tx->limit > P2P__UDP_BURST_BYTES)
        tx->limit = P2P__UDP_BURST_BYTES;
    if (!blocked)
        tx->limit_runs = P2P__UDP_BURST_RUNS;
}

void p2p__udp_tx_init(p2p__udp *udp)
{
    p2p_task_init(&udp->tx.task, on_flush, udp);
    p2p_timer_init(&udp->tx.retry, udp->base.loop, on_retry, udp);
    udp->tx.reserved = P2P__UDP_NOTHING_RESERVED;
    set_blocked(&udp->tx, false);
}

/* --- tell --- */

static bool is_full(const p2p__udp_tx *tx, size_t len)
{
    return len > tx->limit - tx->tail || tx->tail_run >= tx->limit_runs;
}

/* How many messages of this length fit in a run of so many bytes. */
static uint32_t run_room(const p2p__udp_tx *tx, uint32_t len, uint32_t bytes)
{
    if (len == 0 || len > tx->max_segment)
        return 1;
    uint32_t room = (bytes < P2P_UDP_MAX_MTU ? bytes : P2P_UDP_MAX_MTU) / len;
    return room < P2P__UDP_GSO_SEGMENTS ? room : P2P__UDP_GSO_SEGMENTS;
}

/* Whether it is time for a flush before a run begins: when that could not become a whole one, for
 * each piece of it costs as much as the whole on its way through the system. */
static bool is_time(const p2p__udp_tx *tx, uint32_t len)
{
    return !tx->blocked && is_full(tx, (size_t)len * run_room(tx, len, P2P_UDP_MAX_MTU));
}

/* Writes dst as the socket wants it. False if the socket cannot send there. */
static bool destination(const p2p__udp *udp, const p2p_addr *dst, p2p__udp_sockaddr *out)
{
    return p2p__udp_reaches(udp, dst) && p2p__udp_to_sockaddr(dst, udp->is_ip6, out);
}

/* A run that was begun for a reservation, and got no message, never was. */
static void drop_empty_run(p2p__udp_tx *tx)
{
    if (tx->tail_run > tx->head_run && tx->runs[tx->tail_run - 1].count == 0)
        tx->tail_run--;
}

/* Makes a run that the next message joins. Returns 0 or an error of tell. */
static int begin_run(p2p__udp *udp, const p2p_addr *dst, size_t len)
{
    p2p__udp_tx *tx = &udp->tx;
    if (tx->room && len && len < tx->segment && p2p__addr_equal_fast(dst, &tx->dst)) {
        tx->room = 1; /* the last message of a run may be shorter, and ends it */
        return 0;
    }
    p2p__udp_sockaddr to;
    if (!destination(udp, dst, &to))
        return P2P_ERR_BAD_ADDR;
    drop_empty_run(tx);
    tx->room = 0;
    if (is_time(tx, (uint32_t)len))
        flush(udp);
    if (is_full(tx, len))
        return P2P_ERR_AGAIN;
    p2p__udp_run *run = &tx->runs[tx->tail_run++];
    run->offset = tx->tail;
    run->len = 0;
    run->segment = (uint16_t)len;
    run->count = 0;
    run->to = to;
    run->local.family = 0;
    const p2p_ip *local = p2p__udp_source_for(udp, dst);
    if (local)
        run->local = *local;
    tx->dst = *dst;
    tx->segment = (uint32_t)len;
    tx->room = run_room(tx, (uint32_t)len, tx->limit - tx->tail);
    if (!tx->blocked)
        p2p_loop_flush(udp->base.loop, &tx->task);
    return 0;
}

void p2p__udp_end_run_to(p2p__udp *udp, const p2p_addr *peer)
{
    p2p__udp_tx *tx = &udp->tx;
    if (tx->room == 0 || !p2p__addr_equal_fast(peer, &tx->dst))
        return;
    tx->room = 0;
    tx->reserved = P2P__UDP_NOTHING_RESERVED; /* void since its maker returned to the loop */
}

/* Sees to it that a message of that length can be appended to the last run. */
static inline int join_run(p2p__udp *udp, const p2p_addr *dst, size_t len)
{
    p2p__udp_tx *tx = &udp->tx;
    tx->reserved = P2P__UDP_NOTHING_RESERVED; /* a reservation is void with the next call */
    if (tx->room != 0 && len == tx->segment && p2p__addr_equal_fast(dst, &tx->dst))
        return 0;
    return begin_run(udp, dst, len);
}

/* The message at the end of the arena is there. */
static inline void append(p2p__udp_tx *tx, size_t len)
{
    p2p__udp_run *run = &tx->runs[tx->tail_run - 1];
    tx->tail += (uint32_t)len;
    tx->room--;
    run->len += (uint32_t)len;
    run->count++;
    tx->reserved = P2P__UDP_NOTHING_RESERVED;
}

int p2p__udp_tell(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n, size_t len)
{
    p2p__udp *udp = p2p__udp_of(swarm);
    p2p__udp_tx *tx = &udp->tx;
    int err = join_run(udp, dst, len);
    if (err)
        return err;
    if (n != 1)
        p2p_iov_copy(tx->arena + tx->tail, iov, n);
    else if (len)
        memcpy(tx->arena + tx->tail, iov->data, len);
    append(tx, len);
    return 0;
}

int p2p__udp_reserve(p2p_swarm *swarm, const p2p_addr *dst, size_t len, uint8_t **room)
{
    p2p__udp *udp = p2p__udp_of(swarm);
    p2p__udp_tx *tx = &udp->tx;
    int err = join_run(udp, dst, len);
    if (err)
        return err;
    tx->reserved = (uint32_t)len;
    *room = tx->arena + tx->tail;
    return 0;
}

int p2p__udp_commit(p2p_swarm *swarm, size_t len)
{
    p2p__udp_tx *tx = &p2p__udp_of(swarm)->tx;
    if (len > P2P_UDP_MAX_MTU || tx->reserved != len)
        return P2P_ERR_INVALID;
    append(tx, len);
    return 0;
}

/* --- flush --- */

static uint32_t first_message_len(const p2p__udp_run *run)
{
    return run->len < run->segment ? run->len : run->segment;
}

/* Counts messages that the system refused, and says so at most once per second. */
static void drop(p2p__udp *udp, const p2p__udp_run *run, unsigned count, int err)
{
    udp->base.stats.tx_drop_error += count;
    udp->unlogged += count;
    uint64_t now = p2p_loop_now(udp->base.loop);
    if (now < udp->next_send_log)
        return;
    udp->next_send_log = now + P2P_SECOND;
    p2p_addr addr;
    char text[P2P_ADDR_TEXT_SIZE] = "?";
    char reason[P2P__UDP_ERRNO_TEXT_SIZE];
    p2p__udp_from_sockaddr(&run->to, &addr);
    if (p2p_addr_text(&addr, text, sizeof text) != 0)
        text[0] = '?';
    p2p_loop_log(udp->base.loop, P2P_LOG_WARN,
                 "udp: cannot send %lu bytes to %s: %s (%llu messages lost since the last report)",
                 (unsigned long)first_message_len(run), text, p2p__udp_errno_text(err, reason),
                 (unsigned long long)udp->unlogged);
    udp->unlogged = 0;
}

/* Whether the socket, rather than this destination, cannot take more now. */
static bool is_busy(int err)
{
    return err == EAGAIN || err == EWOULDBLOCK || err == ENOBUFS;
}

/* Errors that a run may get for being sent in one piece: the segments do not fit the path's MTU, or
 * the interface cannot do it (no checksum offload, IPsec). */
static bool is_gso_error(int err)
{
    return err == EINVAL || err == EIO || err == EMSGSIZE;
}

/* Errors that a message may get for the address that it shall leave from: of those that there are,
 * all but the ones that have another cause for sure. */
static bool is_source_error(int err)
{
    return err != EMSGSIZE && err != EPERM && err != EACCES && err != ECONNREFUSED;
}

/* After the system refused a message: if that may be for the address that it shall leave from (the
 * host may have lost it), forgets that address and returns true: the run is to be sent again. */
static bool drop_source(p2p__udp *udp, p2p__udp_run *run, int err)
{
    if (run->local.family == 0 || !is_source_error(err))
        return false;
    p2p_addr peer;
    p2p__udp_from_sockaddr(&run->to, &peer);
    p2p__udp_forget(udp, &peer, &run->local);
    run->local.family = 0;
    return true;
}

static void remove_first(p2p__udp_run *run)
{
    uint32_t len = first_message_len(run);
    run->offset += len;
    run->len -= len;
    run->count--;
}

/*
 * Sends a run that the kernel refused with gso_err as single messages. If they are taken, it was
 * the offload: it is not tried again with messages of that length, or, for want of an interface
 * that can do it, not at all. If they are not, it may be the address that they leave from: then
 * what is left is to be sent again, as a run. Returns 0, or the error of a busy socket.
 */
static int send_singly(p2p__udp *udp, p2p__udp_run *run, int gso_err)
{
    while (run->count > 0) {
        p2p__udp_run one = *run;
        one.len = first_message_len(run);
        one.count = 1;
        int sent = udp->sys->send(udp->fd, udp->tx.arena, &one, 1);
        if (sent == -EINTR)
            continue;
        if (sent < 0 && is_busy(-sent))
            return -sent;
        if (sent < 0 && drop_source(udp, run, -sent))
            return 0;
        if (sent < 0)
            drop(udp, &one, 1, -sent);
        else if (gso_err == EIO)
            udp->tx.max_segment = 0;
        else if (udp->tx.max_segment >= run->segment)
            udp->tx.max_segment = run->segment - 1u;
        remove_first(run);
    }
    return 0;
}

/* Sends runs until none is left, or the socket is busy. Returns 0 or the error that says so. */
static int send_runs(p2p__udp *udp)
{
    p2p__udp_tx *tx = &udp->tx;
    bool refused = false;
    while (tx->head_run < tx->tail_run) {
        p2p__udp_run *run = &tx->runs[tx->head_run];
        unsigned n = tx->tail_run - tx->head_run;
        int sent = udp->sys->send(udp->fd, tx->arena, run,
                                  n < P2P__UDP_SEND_RUNS ? n : P2P__UDP_SEND_RUNS);
        if (sent > 0) {
            tx->head_run += (unsigned)sent;
            refused = false;
            continue;
        }
        int err = -sent;
        if (err == EINTR)
            continue;
        if (err == ECONNREFUSED && !refused) {
            refused = true; /* an answer to an earlier message, perhaps to another peer */
            continue;
        }
        if (is_busy(err))
            return err;
        if (run->count > 1 && is_gso_error(err)) {
            err = send_singly(udp, run, err);
            if (err)
                return err;
            if (run->count > 0)
                continue;
        } else if (drop_source(udp, run, err)) {
            continue;
        } else {
            drop(udp, run, run->count, err);
        }
        tx->head_run++;
    }
    return 0;
}

/* Waits for the socket. It does not become writable when it ran out of buffers (ENOBUFS), for it
 * never ceased to be; then a timer helps. */
static void block(p2p__udp *udp, int err)
{
    set_blocked(&udp->tx, true);
    /* A writable socket that is out of buffers would wake the loop at once, again and again. */
    unsigned wanted = err == ENOBUFS ? P2P_READABLE : P2P_READABLE | P2P_WRITABLE;
    if (p2p_watch_set(udp->watch, wanted) != 0 || err == ENOBUFS)
        p2p_timer_start_in(&udp->tx.retry, RETRY_DELAY);
}

/* After a flush that left something: if at least half of the queue is free, moves the rest to the
 * front, and says so to who waits. A move comes after at least half of the queue was sent. */
static void make_room(p2p__udp *udp)
{
    p2p__udp_tx *tx = &udp->tx;
    uint32_t first = tx->runs[tx->head_run].offset;
    uint32_t waiting = tx->tail - first;
    uint32_t waiting_runs = tx->tail_run - tx->head_run;
    if (waiting > tx->capacity / 2 || waiting_runs > tx->capacity_runs / 2)
        return;
    if (first >= tx->capacity / 2 || tx->head_run >= tx->capacity_runs / 2) {
        memmove(tx->arena, tx->arena + first, waiting);
        memmove(tx->runs, tx->runs + tx->head_run, waiting_runs * sizeof *tx->runs);
        for (uint32_t i = 0; i < waiting_runs; i++)
            tx->runs[i].offset -= first;
        tx->head_run = 0;
        tx->tail_run = waiting_runs;
        tx->tail = waiting;
    }
    p2p_swarm_writable(&udp->base);
}

static void flush(p2p__udp *udp)
{
    p2p__udp_tx *tx = &udp->tx;
    tx->room = 0;
    tx->reserved = P2P__UDP_NOTHING_RESERVED;
    drop_empty_run(tx);
    int err = send_runs(udp);
    if (err) {
        block(udp, err);
        make_room(udp);
        return;
    }
    tx->tail = 0;
    tx->head_run = 0;
    tx->tail_run = 0;
    p2p_swarm_writable(&udp->base);
}

void p2p__udp_unblock(p2p__udp *udp)
{
    if (!udp->tx.blocked)
        return;
    p2p_timer_stop(&udp->tx.retry);
    set_blocked(&udp->tx, false);
    flush(udp);
    if (!udp->tx.blocked && p2p_watch_set(udp->watch, P2P_READABLE) != 0)
        p2p_loop_log(udp->base.loop, P2P_LOG_ERROR, "udp: cannot watch the socket");
}

size_t p2p__udp_unsent(const p2p_swarm *swarm)
{
    const p2p__udp_tx *tx = &p2p__udp_of_const(swarm)->tx;
    size_t unsent = 0;
    for (uint32_t i = tx->head_run; i < tx->tail_run; i++)
        unsent += tx->runs[i].count;
    return unsent;
}

void p2p__udp_tx_close(p2p__udp *udp)
{
    p2p__udp_tx *tx = &udp->tx;
    drop_empty_run(tx);
    (void)send_runs(udp);
    udp->base.stats.tx_drop_closed += p2p__udp_unsent(&udp->base);
    tx->head_run = tx->tail_run;
    p2p_task_cancel(&tx->task);
    p2p_timer_stop(&tx->retry);
}
