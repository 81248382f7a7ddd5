/* SPDX-License-Identifier: MIT */
/* The handshake of p2p doctor: that of any node, but with each of its stages seen. */
#include "cli/doctor.h"

#include <errno.h>
#include <string.h>

/* What an answer that asks for a cookie begins with (docs/p2pke.md). */
static const uint8_t cookie_reply[] = {0xff, 0xff, 0xff, 0xff, 0x01};

static p2p_pke_time time_of(const doctor_peer *peer)
{
    return (p2p_pke_time){doctor_now(), doctor_wall() + peer->shift};
}

static int draw(void *arg, void *out, size_t len)
{
    const doctor_peer *peer = arg;
    return p2p_loop_secret(peer->doctor->app.loop, out, len);
}

/* Whoever answers shows its key here. */
static int see_key(void *arg, void *peer_of_channel, const void *source, size_t source_len,
                   const uint8_t *key, size_t key_len)
{
    doctor_peer *peer = arg;
    doctor_handshake *result = &peer->result;
    p2p_spki spki;
    (void)peer_of_channel;
    (void)source;
    (void)source_len;
    if (p2p_spki_parse(key, key_len, &spki) != 0 || p2p_fingerprint_pke(&spki, result->id) != 0)
        return 0;
    result->answered = true;
    return !peer->only_ask && memcmp(result->id, peer->doctor->id, sizeof result->id) == 0;
}

static int make(doctor_peer *peer)
{
    doctor *self = peer->doctor;
    p2p_pke_config config;
    p2p_pke_config_init(&config);
    config.signer = self->app.key.signer;
    config.random = draw;
    config.accept = see_key;
    config.arg = peer;
    int err = p2p_pke_endpoint_new(&peer->endpoint, &config);
    if (!err)
        err = p2p_pke_channel_new(&peer->channel, peer->endpoint, peer, &self->place,
                                  sizeof self->place);
    return err ? err : p2p_pke_channel_open(peer->channel, time_of(peer));
}

/* Sends all that is due. Returns 0 or an errno. */
static int send_due(doctor_peer *peer)
{
    uint8_t out[P2P_PKE_MAX_HANDSHAKE];
    for (;;) {
        size_t len = 0;
        if (p2p_pke_channel_poll(peer->channel, time_of(peer), out, sizeof out, &len) || !len)
            return 0;
        int error = doctor_net_send(&peer->doctor->net, out, len);
        if (error)
            return error;
    }
}

/* Gives the channel a datagram. Returns what it said. */
static int take(doctor_peer *peer, uint8_t *data, size_t len, p2p_pke_result *result)
{
    uint8_t answer[P2P_PKE_MAX_HANDSHAKE];
    memset(result, 0, sizeof *result);
    if (len >= sizeof cookie_reply && memcmp(data, cookie_reply, sizeof cookie_reply) == 0)
        peer->result.cookie = true;
    int err = p2p_pke_channel_receive(peer->channel, time_of(peer), data, len, answer, result);
    if (result->answer_len)
        (void)doctor_net_send(&peer->doctor->net, answer, result->answer_len);
    return err;
}

/* When to look at the channel again, or at most until. */
static uint64_t next_time(const doctor_peer *peer, uint64_t until)
{
    uint64_t deadline = p2p_pke_channel_deadline(peer->channel);
    return deadline < until ? deadline : until;
}

/* One round. Returns whether the handshake is over. */
static bool shake_once(doctor_peer *peer, uint64_t began, uint64_t until)
{
    doctor_handshake *result = &peer->result;
    uint8_t data[P2P_PKE_MAX_HANDSHAKE + 1];
    p2p_pke_result taken;
    p2p_pke_event event;
    size_t len;
    result->error = send_due(peer);
    if (!result->error)
        result->error = doctor_net_receive(&peer->doctor->net, next_time(peer, until), data,
                                           sizeof data, &len);
    if (result->error == ETIMEDOUT && doctor_now() < until)
        result->error = 0;
    else if (result->error)
        return true;
    else
        /* Also what is sent straight back is no answer. */
        result->strange |= take(peer, data, len, &taken) != 0 && !result->cookie;
    if (result->answered && !result->answer_took)
        result->answer_took = doctor_now() - began;
    switch (p2p_pke_channel_event(peer->channel, &event)) {
    case P2P_PKE_READY:
        result->complete = true;
        result->took = doctor_now() - began;
        /* A first message, which no application sees, so that the peer is sure as well. */
        (void)send_due(peer);
        return true;
    case P2P_PKE_FAILED:
        result->reason = event.reason;
        return true;
    case P2P_PKE_NOTHING:
    default:
        /* Who has another key has said all; likewise if nothing is to be completed. */
        return result->answered &&
               (peer->only_ask || memcmp(result->id, peer->doctor->id, sizeof result->id) != 0);
    }
}

void doctor_pke_shake(doctor_peer *peer, doctor *self, uint64_t shift, bool only_ask,
                      uint64_t until)
{
    uint64_t began = doctor_now();
    memset(peer, 0, sizeof *peer);
    peer->doctor = self;
    peer->shift = shift;
    peer->only_ask = only_ask;
    peer->result.reason = make(peer);
    if (peer->result.reason)
        return;
    while (!shake_once(peer, began, until))
        continue;
}

void doctor_pke_free(doctor_peer *peer)
{
    p2p_pke_channel_free(peer->channel);
    p2p_pke_endpoint_free(peer->endpoint);
    peer->channel = NULL;
    peer->endpoint = NULL;
}

int doctor_pke_send(doctor_peer *peer, const void *data, size_t len)
{
    uint8_t out[P2P_UDP_MAX_MTU];
    const p2p_iov iov = {data, len};
    size_t out_len = 0;
    int err = p2p_pke_channel_send(peer->channel, time_of(peer), &iov, 1, out, sizeof out,
                                   &out_len);
    if (err || !out_len)
        return err == P2P_ERR_NO_SPACE || err == P2P_ERR_TOO_BIG ? EMSGSIZE : EAGAIN;
    return doctor_net_send(&peer->doctor->net, out, out_len);
}

int doctor_pke_receive(doctor_peer *peer, uint64_t until, void *data, size_t cap, size_t *len)
{
    for (;;) {
        p2p_pke_result result;
        size_t got;
        int error = send_due(peer);
        if (!error)
            error = doctor_net_receive(&peer->doctor->net, next_time(peer, until), data, cap, &got);
        if (error == ETIMEDOUT && doctor_now() < until)
            continue;
        if (error)
            return error;
        if (take(peer, data, got, &result) != 0 || !result.delivered)
            continue;
        memmove(data, result.data, result.len);
        *len = result.len;
        return 0;
    }
}
