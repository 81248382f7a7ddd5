/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/alloc.h"
#include "swarm/pke.h"

/* How long a link that has proven nothing may keep its place from another one. */
#define PLACE_GRACE P2P_SECOND

static void on_due(void *arg);

/* --- making and freeing --- */

static p2p__pke_peer *peer_of(p2p__addr_node *node)
{
    return (p2p__pke_peer *)node; /* the node is the first member */
}

p2p__pke_peer *p2p__pke_find_peer(p2p__pke *pke, const p2p_addr *inner)
{
    return peer_of(p2p__addr_map_find(&pke->peers, inner));
}

static void tell_event(p2p__pke *pke, const p2p_pke_peer_event *event)
{
    if (pke->base.state != P2P_SWARM_OPEN)
        return;
    if (event->kind != P2P_PKE_PEER_FAILED) /* which is logged at P2P_LOG_WARN */
        p2p__swarm_log(&pke->base, event->kind == P2P_PKE_PEER_UP ? "peer up" : "peer gone",
                       event->peer);
    if (pke->peer_fn)
        pke->peer_fn(pke->peer_arg, event);
}

static void tell_gone(p2p__pke *pke, const p2p_addr *addr)
{
    const p2p_pke_peer_event event = {.kind = P2P_PKE_PEER_GONE, .peer = addr};
    tell_event(pke, &event);
}

static void tell_up(p2p__pke *pke, const p2p_addr *addr)
{
    const p2p_pke_peer_event event = {.kind = P2P_PKE_PEER_UP, .peer = addr};
    tell_event(pke, &event);
}

/* Takes a link out of its peer. */
static void remove_link(p2p__pke_link *link)
{
    p2p__pke_peer *peer = link->peer;
    if (peer->current == link)
        peer->current = NULL;
    for (size_t i = 0; i < P2P__PKE_OTHERS; i++)
        if (peer->others[i] == link)
            peer->others[i] = NULL;
}

/* Frees a link. The peer stays, even with no link left. */
static void free_link(p2p__pke_link *link)
{
    p2p__pke *pke = link->peer->pke;
    if (pke->last_to == link)
        pke->last_to = NULL;
    pke->base.stats.tx_drop_error += link->waiting;
    p2p__pke_unstall(link);
    p2p__pke_uncount_queue(link);
    p2p__pke_decide_lookups(link, P2P_ERR_UNREACHABLE);
    p2p_timer_stop(&link->timer);
    p2p_task_cancel(&link->task);
    p2p_pke_channel_free(link->channel);
    remove_link(link);
    p2p__free(pke->allocator, link);
}

static p2p__pke_link *new_link(p2p__pke_peer *peer, const uint8_t *id)
{
    p2p__pke *pke = peer->pke;
    p2p__pke_link *link = p2p__zalloc(pke->allocator, sizeof *link);
    if (!link)
        return NULL;
    link->peer = peer;
    link->made = p2p__pke_now(pke).now;
    memcpy(link->id, id, sizeof link->id);
    if (p2p_addr_wrap_peer(&link->addr, id, &peer->node.addr) ||
        p2p_pke_channel_new(&link->channel, pke->endpoint, link, &peer->node.addr,
                            sizeof peer->node.addr)) {
        p2p__free(pke->allocator, link);
        return NULL;
    }
    p2p_timer_init(&link->timer, pke->base.loop, on_due, link);
    p2p_task_init(&link->task, on_due, link);
    return link;
}

static bool has_links(const p2p__pke_peer *peer)
{
    for (size_t i = 0; i < P2P__PKE_OTHERS; i++)
        if (peer->others[i])
            return true;
    return peer->current;
}

/* Frees the links of a peer, and takes it out of the table. */
static void clear_peer(p2p__pke_peer *peer)
{
    p2p__pke *pke = peer->pke;
    if (pke->last_from == peer)
        pke->last_from = NULL;
    if (peer->current)
        free_link(peer->current);
    for (size_t i = 0; i < P2P__PKE_OTHERS; i++)
        if (peer->others[i])
            free_link(peer->others[i]);
    p2p__pke_count_peer(peer, P2P__PKE_UNCOUNTED);
    p2p__addr_map_remove(&pke->peers, &peer->node);
}

static void free_peer(p2p__pke_peer *peer)
{
    clear_peer(peer);
    p2p__free(peer->pke->allocator, peer);
}

static void free_peer_if_empty(p2p__pke_peer *peer)
{
    if (!has_links(peer))
        free_peer(peer);
}

static p2p_pke_info info_of(const p2p__pke_link *link)
{
    p2p_pke_info info;
    p2p_pke_channel_info(link->channel, p2p__pke_now(link->peer->pke), &info);
    return info;
}

bool p2p__pke_keep_link(p2p__pke_link *link)
{
    p2p__pke_peer *peer = link->peer;
    if (link == peer->current || link->lookups)
        return true;
    p2p_pke_info info = info_of(link);
    if (info.handshaking || info.half_open || info.queued || info.session_start)
        return true;
    free_link(link);
    free_peer_if_empty(peer);
    return false;
}

/* --- forgetting peers --- */

/*
 * When something last happened. What has just happened must not be forgotten meanwhile: callbacks
 * of the application may make new peers, and so evict others. Nor must what somebody waits for.
 */
uint64_t p2p__pke_last_use(const p2p__pke_peer *peer)
{
    uint64_t last = peer->touched;
    for (size_t i = 0; i <= P2P__PKE_OTHERS; i++) {
        const p2p__pke_link *link = i < P2P__PKE_OTHERS ? peer->others[i] : peer->current;
        if (!link)
            continue;
        p2p_pke_info info = info_of(link);
        if (info.queued || (link->dialled && !link->proven))
            return p2p__pke_now(peer->pke).now;
        if (info.last_data > last)
            last = info.last_data;
    }
    return last;
}

/* Forgets a peer. It is told through the loop, for this may be inside a tell. */
static void forget(p2p__pke_peer *peer)
{
    p2p__pke *pke = peer->pke;
    if (!peer->current) {
        free_peer(peer);
        return;
    }
    p2p_addr addr = peer->current->addr;
    clear_peer(peer);
    peer->node.addr = addr;
    peer->next_gone = NULL;
    if (pke->gone)
        pke->last_gone->next_gone = peer;
    else
        pke->gone = peer;
    pke->last_gone = peer;
    p2p_loop_defer(pke->base.loop, &pke->gone_task);
}

void p2p__pke_on_gone(void *arg)
{
    p2p__pke *pke = arg;
    while (pke->gone) {
        p2p__pke_peer *peer = pke->gone;
        pke->gone = peer->next_gone;
        tell_gone(pke, &peer->node.addr);
        p2p__free(pke->allocator, peer);
    }
}

/* Makes room for one more peer: forgets one of a few, taken by chance, that has been quiet
 * longest. */
static bool evict(p2p__pke *pke)
{
    uint64_t now = p2p__pke_now(pke).now;
    p2p__pke_peer *quiet = NULL;
    uint64_t quiet_since = now;
    size_t mask = pke->peers.capacity - 1;
    size_t start = (size_t)p2p_loop_jitter(pke->base.loop);
    for (size_t i = 0, seen = 0; i <= mask && seen < P2P__PKE_EVICT_TRIES; i++) {
        p2p__pke_peer *peer = peer_of(pke->peers.places[(start + i) & mask].node);
        if (!peer)
            continue;
        seen++;
        uint64_t since = p2p__pke_last_use(peer);
        if (since >= quiet_since)
            continue;
        quiet = peer;
        quiet_since = since;
    }
    if (!quiet || now - quiet_since < P2P__PKE_EVICT_AFTER)
        return false;
    forget(quiet);
    return true;
}

static int new_peer(p2p__pke *pke, const p2p_addr *inner, p2p__pke_peer **out)
{
    if (pke->peers.count >= pke->config.max_peers && !evict(pke))
        return P2P_ERR_LIMIT;
    p2p__pke_peer *peer = p2p__zalloc(pke->allocator, sizeof *peer);
    if (!peer)
        return P2P_ERR_NO_MEMORY;
    peer->node.addr = *inner;
    peer->pke = pke;
    peer->touched = p2p__pke_now(pke).now;
    if (p2p__addr_map_insert(&pke->peers, &peer->node)) {
        p2p__free(pke->allocator, peer);
        return P2P_ERR_NO_MEMORY;
    }
    if (!p2p_timer_active(&pke->sweep))
        p2p_timer_start_in(&pke->sweep, pke->config.idle / 4);
    *out = peer;
    return 0;
}

/* --- finding and making links --- */

static bool is_link_to(const p2p__pke_link *link, const uint8_t *id)
{
    return link && memcmp(link->id, id, sizeof link->id) == 0;
}

p2p__pke_link *p2p__pke_find_link(p2p__pke *pke, const uint8_t *id, const p2p_addr *inner)
{
    const p2p__pke_peer *peer = p2p__pke_find_peer(pke, inner);
    if (!peer)
        return NULL;
    if (is_link_to(peer->current, id))
        return peer->current;
    for (size_t i = 0; i < P2P__PKE_OTHERS; i++)
        if (is_link_to(peer->others[i], id))
            return peer->others[i];
    return NULL;
}

/*
 * A good place for one more link. When all are taken, one who has proven his address displaces one
 * who has not, and whom we call displaces both; otherwise who had time enough for a handshake goes,
 * the oldest first. Whom we call stays, and so do the former ones.
 */
static int good_place(const p2p__pke_peer *peer, bool vouched, bool dialled)
{
    uint64_t now = p2p__pke_now(peer->pke).now;
    int place = -1;
    for (int i = 0; i < P2P__PKE_OTHERS; i++) {
        const p2p__pke_link *at = peer->others[i];
        if (!at)
            return i;
        bool weaker = dialled || (vouched && !at->vouched);
        if (at->dialled || at->proven || (!weaker && now - at->made < PLACE_GRACE))
            continue;
        /* Who has proven nothing goes before who has. */
        const p2p__pke_link *best = place < 0 ? NULL : peer->others[place];
        if (!best || at->vouched < best->vouched ||
            (at->vouched == best->vouched && at->made < best->made))
            place = i;
    }
    return place;
}

static bool is_weak(const p2p__pke_link *link)
{
    return link && !link->vouched && !link->dialled && !link->proven;
}

/* The place of one who has proven nothing, taken at random: so nobody can keep all places with a
 * few forged datagrams per second, nor know whose he gets. */
static int random_place(const p2p__pke_peer *peer)
{
    int weak = 0;
    for (int i = 0; i < P2P__PKE_OTHERS; i++)
        weak += is_weak(peer->others[i]);
    if (!weak)
        return -1;
    int left = (int)(p2p_loop_jitter(peer->pke->base.loop) % (uint64_t)weak);
    int i = 0;
    while (!is_weak(peer->others[i]) || left--)
        i++;
    return i;
}

bool p2p__pke_has_place(const p2p__pke_peer *peer, bool vouched, bool good)
{
    if (good_place(peer, vouched, false) >= 0)
        return true;
    for (int i = 0; !good && i < P2P__PKE_OTHERS; i++)
        if (is_weak(peer->others[i]))
            return true;
    return false;
}

static p2p__pke_link **find_place(p2p__pke_peer *peer, bool vouched, bool dialled)
{
    int place = good_place(peer, vouched, dialled);
    if (place < 0)
        place = random_place(peer);
    return place < 0 ? NULL : &peer->others[place];
}

/* Makes a link to who has that id, at the address of a peer. */
static int add_link(p2p__pke_peer *peer, const uint8_t *id, bool vouched, bool dialled,
                    p2p__pke_link **out)
{
    p2p__pke_link **place = find_place(peer, vouched, dialled);
    if (!place)
        return P2P_ERR_BUSY;
    p2p__pke_link *link = new_link(peer, id);
    if (!link) {
        free_peer_if_empty(peer);
        return P2P_ERR_NO_MEMORY;
    }
    if (*place)
        free_link(*place);
    *place = link;
    link->vouched = vouched;
    link->dialled = dialled;
    *out = link;
    return 0;
}

int p2p__pke_dial(p2p__pke *pke, const p2p_addr *addr, const uint8_t *id, const p2p_addr *inner,
                  p2p__pke_link **out)
{
    if (pke->config.allow && !pke->config.allow(pke->config.allow_arg, addr))
        return P2P_ERR_REFUSED;
    *out = p2p__pke_find_link(pke, id, inner);
    if (*out) {
        (*out)->dialled = true;
        return 0;
    }
    p2p__pke_peer *peer = p2p__pke_find_peer(pke, inner);
    int err = peer ? 0 : new_peer(pke, inner, &peer);
    return err ? err : add_link(peer, id, false, true, out);
}

/* In a full prefix one guest goes for another. */
static int make_room_for_guest(p2p__pke *pke, const p2p_addr *inner)
{
    p2p__pke_peer *quiet;
    if (!p2p__pke_is_full(pke, inner, &quiet))
        return 0;
    if (!quiet)
        return P2P_ERR_LIMIT;
    forget(quiet);
    return 0;
}

int p2p__pke_accept(p2p__pke *pke, p2p__pke_peer *peer, const p2p_addr *inner, p2p__pke_link **out)
{
    bool vouched = pke->admitted_proven;
    int err = 0;
    if (!peer) {
        err = vouched ? make_room_for_guest(pke, inner) : 0;
        if (!err)
            err = new_peer(pke, inner, &peer);
        if (!err)
            p2p__pke_count_peer(peer, vouched ? P2P__PKE_GUEST : P2P__PKE_STRANGER);
    } else if (vouched && peer->counted == P2P__PKE_STRANGER) {
        p2p__pke_count_peer(peer, P2P__PKE_GUEST);
    }
    return err ? err : add_link(peer, pke->claimed, vouched, false, out);
}

/* --- driving a link --- */

/* Whoever was there longest stays: so nobody pushes him out, however many keys he has. */
static void limit_formers(p2p__pke_peer *peer)
{
    p2p__pke_link *newest = NULL;
    size_t n = 0;
    for (size_t i = 0; i < P2P__PKE_OTHERS; i++) {
        p2p__pke_link *link = peer->others[i];
        if (!link || !p2p__pke_is_former(link))
            continue;
        n++;
        if (!newest || link->made > newest->made)
            newest = link;
    }
    if (n > P2P__PKE_FORMERS)
        free_link(newest);
}

/* The link to the same one from before he restarted, which has proven that, or NULL. */
static p2p__pke_link *link_before(const p2p__pke_link *link)
{
    p2p__pke_peer *peer = link->peer;
    if (is_link_to(peer->current, link->id))
        return peer->current;
    for (size_t i = 0; i < P2P__PKE_OTHERS; i++) {
        p2p__pke_link *other = peer->others[i];
        if (other != link && is_link_to(other, link->id) && other->proven)
            return other;
    }
    return NULL;
}

/* A link has proven who it is, and becomes the current one. Who was that keeps his sessions: what
 * another one does at his address costs him nothing. */
static void promote(p2p__pke_link *link)
{
    p2p__pke_peer *peer = link->peer;
    p2p__pke *pke = peer->pke;
    p2p__pke_link *old = peer->current;
    bool same = is_link_to(old, link->id);
    p2p_addr old_addr;
    if (old)
        old_addr = old->addr;
    p2p__pke_link *before = link_before(link);
    if (before) {
        /* Coming back does not give him new permits. */
        link->handshakes = before->handshakes;
        link->vouched_handshakes = before->vouched_handshakes;
        free_link(before);
    }
    for (size_t i = 0; i < P2P__PKE_OTHERS; i++)
        if (peer->others[i] == link)
            peer->others[i] = peer->current;
    peer->current = link;
    peer->touched = p2p__pke_now(pke).now;
    link->proven = true;
    limit_formers(peer);
    if (peer->counted == P2P__PKE_STRANGER)
        p2p__pke_count_peer(peer, P2P__PKE_GUEST);
    p2p__pke_decide_lookups(link, 0);
    if (same)
        return;
    p2p__pke_on_gone(pke); /* first what has happened before */
    if (old)
        tell_gone(pke, &old_addr);
    tell_up(pke, &link->addr);
}

/* A handshake is complete. */
static void on_ready(p2p__pke_link *link)
{
    if (link == link->peer->current)
        p2p__pke_decide_lookups(link, 0);
    else
        promote(link);
}

static void log_failure(const p2p__pke_link *link, const p2p_pke_event *event)
{
    char text[P2P_ADDR_TEXT_SIZE];
    if (p2p_addr_text(&link->addr, text, sizeof text))
        text[0] = '\0';
    const char *why = event->reason == P2P_ERR_REFUSED
                          ? "who answers there has another key, or is not allowed"
                          : p2p_err_text(event->reason);
    p2p_loop_log(link->peer->pke->base.loop, P2P_LOG_WARN,
                 "pke: no session with %s: %s (%lu waiting messages dropped)", text, why,
                 (unsigned long)event->dropped);
}

/* A handshake was given up. A link that is not the current one is over, unless it has a session.
 * Returns whether it still is. */
static bool on_failed(p2p__pke_link *link, const p2p_pke_event *event)
{
    p2p__pke_peer *peer = link->peer;
    p2p__pke *pke = peer->pke;
    bool kept = link == peer->current || info_of(link).session_start;
    p2p_addr addr = link->addr;
    p2p_addr other;
    p2p_pke_peer_event told = {.kind = P2P_PKE_PEER_FAILED, .reason = event->reason, .peer = &addr};
    if (event->reason == P2P_ERR_REFUSED && link->has_answered &&
        !is_link_to(link, link->answered) &&
        !p2p_addr_wrap_peer(&other, link->answered, &peer->node.addr))
        told.answered = &other;
    peer->touched = p2p__pke_now(pke).now;
    log_failure(link, event);
    pke->base.stats.tx_drop_error += event->dropped;
    p2p__pke_uncount_queue(link);
    p2p__pke_decide_lookups(link, event->reason);
    if (!kept) {
        free_link(link);
        free_peer_if_empty(peer);
    }
    p2p__pke_on_gone(pke);
    tell_event(pke, &told);
    return kept;
}

/* Asks to be called when the link's channel next has something to do. A timer that is too early
 * merely asks again, which is cheaper than moving it with each message. */
void p2p__pke_rearm(p2p__pke_link *link)
{
    uint64_t deadline = p2p_pke_channel_deadline(link->channel);
    if (deadline == P2P_NEVER)
        return;
    if (!p2p_timer_active(&link->timer) || deadline < link->timer.deadline)
        p2p_timer_start(&link->timer, deadline);
}

bool p2p__pke_service(p2p__pke_link *link)
{
    p2p__pke *pke = link->peer->pke;
    p2p_pke_event event;
    p2p__pke_drain(link);
    while (p2p_pke_channel_event(link->channel, &event) != P2P_PKE_NOTHING) {
        if (event.kind == P2P_PKE_READY)
            on_ready(link);
        else if (!on_failed(link, &event))
            return false;
    }
    if (pke->base.state != P2P_SWARM_OPEN)
        return true;
    if (!p2p__pke_keep_link(link))
        return false;
    /* A link that waits for room below is called when there is some. */
    if (!link->stalled)
        p2p__pke_rearm(link);
    return true;
}

static void on_due(void *arg)
{
    p2p__pke_service(arg);
}

/* --- all of them --- */

static void stop_link(p2p__pke_link *link)
{
    p2p__pke_unstall(link);
    link->waiting = 0;
    p2p_timer_stop(&link->timer);
    p2p_task_cancel(&link->task);
    p2p__pke_decide_lookups(link, P2P_ERR_CLOSED);
}

void p2p__pke_stop_peers(p2p__pke *pke)
{
    p2p_timer_stop(&pke->sweep);
    p2p_task_cancel(&pke->gone_task);
    for (size_t i = 0; i < pke->peers.capacity; i++) {
        const p2p__pke_peer *peer = peer_of(pke->peers.places[i].node);
        if (peer && peer->current)
            stop_link(peer->current);
        for (size_t k = 0; peer && k < P2P__PKE_OTHERS; k++)
            if (peer->others[k])
                stop_link(peer->others[k]);
    }
}

void p2p__pke_free_peers(p2p__pke *pke)
{
    for (size_t i = 0; i < pke->peers.capacity; i++)
        while (pke->peers.places[i].node)
            free_peer(peer_of(pke->peers.places[i].node));
    p2p__addr_map_free(&pke->peers);
    p2p__pke_on_gone(pke); /* which tells nobody any more */
}

/* Forgets peers that have been quiet for long. Removing one moves others into its place, so that is
 * looked at again; what wraps around is found by the next sweep. */
void p2p__pke_on_sweep(void *arg)
{
    p2p__pke *pke = arg;
    uint64_t now = p2p__pke_now(pke).now;
    for (size_t i = 0; i < pke->peers.capacity; i++) {
        p2p__pke_peer *peer;
        while ((peer = peer_of(pke->peers.places[i].node)) &&
               now - p2p__pke_last_use(peer) >= pke->config.idle)
            forget(peer);
    }
    if (pke->peers.count)
        p2p_timer_start_in(&pke->sweep, pke->config.idle / 4);
}
