/* SPDX-License-Identifier: MIT */
/* The steps of p2p doctor that take several attempts: the handshake, and the sizes of messages. */
#include "cli/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* How far in the future a second handshake is dated. What is signed for the future could be used
 * then, so it is no more than a channel may do itself (docs/p2pke.md, rule 14). */
#define LATER (UINT64_C(24) * 3600 * P2P_SECOND)

/* How long an echo may take, besides some times what the last answer took. */
#define ECHO_WAIT (300 * P2P_MILLISECOND)

/* Headers of IP and UDP. */
#define HEADERS_4 28u
#define HEADERS_6 48u

static doctor_finding finding(const char *step, doctor_state state, const char *advice)
{
    return (doctor_finding){.step = step, .state = state, .advice = advice};
}

static double milliseconds(uint64_t nanoseconds)
{
    return (double)nanoseconds / 1e6;
}

/* --- the peer --- */

static cli_exit tell_port_failed(doctor *self, int error)
{
    doctor_finding port = finding("port", DOCTOR_FAILED, doctor_net_advice(error));
    (void)snprintf(port.text, sizeof port.text, "%s", doctor_net_explain(error));
    doctor_tell(self, &port);
    return CLI_EXIT_NO_ANSWER;
}

static cli_exit tell_wrong_key(doctor *self, const doctor_handshake *result)
{
    doctor_finding step = finding("handshake", DOCTOR_OK, NULL);
    char wanted[P2P_PEER_ID_TEXT_LEN + 1];
    step.took = result->answer_took;
    (void)snprintf(step.text, sizeof step.text, "somebody answered after %.3f ms",
                   milliseconds(result->answer_took));
    doctor_tell(self, &step);
    step = finding("peer", DOCTOR_FAILED,
                   "if its owner has made a new key, ask for the new id and use that; if not, "
                   "somebody else has that address now, or is in between");
    p2p_peer_id_text(result->id, step.peer);
    p2p_peer_id_text(self->id, wanted);
    (void)snprintf(step.text, sizeof step.text,
                   "who answers says it is %s, and %s is wanted; nothing was sent to it", step.peer,
                   wanted);
    doctor_tell(self, &step);
    return CLI_EXIT_REFUSED;
}

/* Nothing came: whether a handshake that is dated a day later is answered. */
static void examine_clock(doctor *self)
{
    doctor_peer later;
    /* A peer may remember dates by port, and without --bind each run has another one. */
    const char *advice = self->app.config->bind
                             ? NULL
                             : "--bind with the port of an earlier session finds out more";
    doctor_finding clock = finding("clock", DOCTOR_UNKNOWN, advice);
    doctor_pke_shake(&later, self, LATER, true, doctor_now() + self->timeout);
    if (later.result.answered) {
        clock.state = DOCTOR_FAILED;
        clock.advice = "set the clock of this machine, or use another key";
        p2p_peer_id_text(later.result.id, clock.peer);
        (void)snprintf(
            clock.text, sizeof clock.text,
            "a handshake that is dated a day later is answered: the peer remembers one of this "
            "key that was dated after what this machine takes for now");
    } else {
        (void)snprintf(clock.text, sizeof clock.text,
                       "a handshake that is dated a day later is not answered either, so the clock "
                       "of this machine is hardly the reason, unless it is behind by more");
    }
    doctor_pke_free(&later);
    doctor_tell(self, &clock);
}

static cli_exit tell_silence(doctor *self, const doctor_handshake *result)
{
    char id[P2P_PEER_ID_TEXT_LEN + 1];
    doctor_finding port = finding("port", DOCTOR_UNKNOWN, NULL);
    doctor_finding step = finding(
        "handshake", DOCTOR_FAILED,
        "ask there whether p2p listen runs, on that port and on all addresses "
        "(pke+udp://[::]:PORT), whether a firewall or router lets UDP through to it, and "
        "whether --allow names this node");
    (void)snprintf(port.text, sizeof port.text, "%s",
                   result->strange || result->cookie
                       ? "something answers on it"
                       : "the system has heard nothing about it, neither good nor bad");
    port.state = result->strange || result->cookie ? DOCTOR_OK : DOCTOR_UNKNOWN;
    doctor_tell(self, &port);
    p2p_peer_id_text(self->app.key.id, id);
    if (result->cookie)
        (void)snprintf(step.text, sizeof step.text,
                       "the peer is busy and asked to prove this address, and was silent then");
    else if (result->strange)
        (void)snprintf(
            step.text, sizeof step.text,
            "what comes back is no answer to a handshake: is it a plain udp:// listener, "
            "or the rest of an earlier session with this port?");
    else
        (void)snprintf(step.text, sizeof step.text,
                       "nothing came back: nobody listens, a firewall drops it on the way, or this "
                       "node (%s) is not let in",
                       id);
    doctor_tell(self, &step);
    examine_clock(self);
    return CLI_EXIT_NO_ANSWER;
}

static cli_exit tell_success(doctor *self, const doctor_handshake *result)
{
    doctor_finding step = finding("port", DOCTOR_OK, NULL);
    (void)snprintf(step.text, sizeof step.text, "somebody listens on it");
    doctor_tell(self, &step);
    step = finding("handshake", DOCTOR_OK, NULL);
    step.took = result->answer_took;
    (void)snprintf(step.text, sizeof step.text, "answered after %.3f ms, complete after %.3f ms%s",
                   milliseconds(result->answer_took), milliseconds(result->took),
                   result->cookie ? "; the peer is busy, for it asked to prove this address" : "");
    doctor_tell(self, &step);
    step = finding("peer", DOCTOR_OK, NULL);
    p2p_peer_id_text(result->id, step.peer);
    (void)snprintf(step.text, sizeof step.text, "it has proven to be %s", step.peer);
    doctor_tell(self, &step);
    step = finding("clock", DOCTOR_OK, NULL);
    (void)snprintf(step.text, sizeof step.text,
                   "the peer took the date of the handshake; what its own clock says it does not "
                   "tell");
    doctor_tell(self, &step);
    return CLI_EXIT_OK;
}

static cli_exit tell_failure(doctor *self, const doctor_handshake *result)
{
    doctor_finding step = finding("handshake", DOCTOR_FAILED,
                                  "try again; messages are lost, or the peer gave up");
    step.took = result->answer_took;
    if (result->answered)
        p2p_peer_id_text(result->id, step.peer);
    (void)snprintf(step.text, sizeof step.text, "%s: %s",
                   result->answered ? "the right peer answered, but the handshake did not end"
                                    : "the handshake failed",
                   result->reason ? p2p_err_text(result->reason)
                                  : doctor_net_explain(result->error));
    doctor_tell(self, &step);
    return result->answered ? CLI_EXIT_NO_ANSWER : CLI_EXIT_FAILURE;
}

cli_exit doctor_examine_peer(doctor *self, doctor_peer *peer)
{
    const doctor_handshake *result = &peer->result;
    doctor_pke_shake(peer, self, 0, false, doctor_now() + self->timeout);
    self->round_trip = result->answer_took;
    self->reached = result->answered || result->cookie || result->strange;
    if (result->complete)
        return tell_success(self, result);
    if (result->answered && memcmp(result->id, self->id, sizeof result->id) != 0)
        return tell_wrong_key(self, result);
    if (result->answered)
        return tell_failure(self, result);
    if (result->error && result->error != ETIMEDOUT)
        return tell_port_failed(self, result->error);
    if (result->reason && result->reason != P2P_ERR_TIMEOUT)
        return tell_failure(self, result);
    return tell_silence(self, result);
}

/* --- echoes --- */

/* A message is 8 random bytes, and a pattern. */
static int make_payload(doctor *self, uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)i;
    return p2p_loop_secret(self->app.loop, data, 8);
}

static int receive_echo(doctor *self, doctor_peer *peer, const uint8_t *sent, size_t sent_len)
{
    uint8_t data[65536];
    uint64_t wait = self->round_trip ? ECHO_WAIT + 4 * self->round_trip : self->timeout;
    uint64_t until = doctor_now() + (wait < self->timeout ? wait : self->timeout);
    for (;;) {
        size_t len = 0;
        int error = peer ? doctor_pke_receive(peer, until, data, sizeof data, &len)
                         : doctor_net_receive(&self->net, until, data, sizeof data, &len);
        if (error)
            return error;
        if (len == sent_len && memcmp(data, sent, len) == 0)
            return 0;
    }
}

int doctor_echo(doctor *self, doctor_peer *peer, size_t len, uint64_t *took)
{
    uint8_t data[65536];
    int error = ETIMEDOUT;
    if (len > sizeof data || make_payload(self, data, len) != 0)
        return EINVAL;
    for (unsigned i = 0; i < 2 && error == ETIMEDOUT; i++) {
        uint64_t began = doctor_now();
        error = peer ? doctor_pke_send(peer, data, len) : doctor_net_send(&self->net, data, len);
        if (!error)
            error = receive_echo(self, peer, data, len);
        *took = doctor_now() - began;
    }
    return error;
}

/* --- sizes --- */

/* The longest message that fits a packet of the size the system knows; 0 if it knows none. */
static size_t fitting(const doctor *self, size_t overhead)
{
    p2p_ip ip = {0};
    size_t packet = doctor_net_path_mtu(&self->net);
    (void)!p2p_addr_ip(&self->place, &ip);
    overhead += ip.family == 4 ? HEADERS_4 : HEADERS_6;
    size_t most = P2P_UDP_MAX_MTU - (overhead > HEADERS_4 ? overhead - HEADERS_4 : 0);
    size_t fits = packet > overhead ? packet - overhead : 0;
    return fits < most ? fits : most;
}

/* Looks for the longest message that comes back, and tells it. */
static void try_sizes(doctor *self, doctor_peer *peer, size_t most, size_t usual)
{
    const size_t sizes[] = {most, 1452, 1400, usual, 1000, 508, 100, 16};
    doctor_finding step = finding("sizes", DOCTOR_FAILED,
                                  "does p2p listen --echo run there? Without it, leave out --echo");
    size_t failed = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t took = 0;
        if (sizes[i] < 16 || (failed && sizes[i] >= failed) || (most && sizes[i] > most))
            continue;
        int error = doctor_echo(self, peer, sizes[i], &took);
        if (!error) {
            step.state = sizes[i] >= usual ? DOCTOR_OK : DOCTOR_FAILED;
            step.advice = step.state == DOCTOR_OK ? NULL : "give --mtu to all nodes on this path";
            step.bytes = sizes[i];
            step.took = took;
            break;
        }
        failed = sizes[i];
    }
    if (!step.bytes)
        (void)snprintf(step.text, sizeof step.text, "no message came back, of whatever length");
    else if (failed)
        (void)snprintf(step.text, sizeof step.text,
                       "messages of %zu bytes come back (%.3f ms), those of %zu do not: the --mtu "
                       "of the listener, or the path, does not take them",
                       step.bytes, milliseconds(step.took), failed);
    else
        (void)snprintf(step.text, sizeof step.text,
                       "messages of %zu bytes come back (%.3f ms), the longest that this machine "
                       "sends in one packet",
                       step.bytes, milliseconds(step.took));
    doctor_tell(self, &step);
}

void doctor_examine_sizes(doctor *self, doctor_peer *peer)
{
    size_t overhead = peer ? P2P_PKE_OVERHEAD : 0;
    size_t usual = P2P_UDP_DEFAULT_MTU - overhead;
    size_t most = fitting(self, overhead);
    if (self->app.config->echo) {
        try_sizes(self, peer, most, usual);
        return;
    }
    bool small = most && most < usual;
    doctor_finding step = finding(
        "sizes", small ? DOCTOR_FAILED : DOCTOR_UNKNOWN,
        small ? "give --mtu to all nodes on this path"
              : "to find out, run p2p listen --echo there and p2p doctor --echo here");
    step.bytes = most;
    if (most)
        (void)snprintf(
            step.text, sizeof step.text,
            "the system takes messages of up to %zu bytes for that path (usual are %zu); "
            "what passes beyond the first link is not known",
            most, usual);
    else
        (void)snprintf(step.text, sizeof step.text, "the system does not tell what the path takes");
    doctor_tell(self, &step);
}
