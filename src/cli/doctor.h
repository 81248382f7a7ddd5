/* SPDX-License-Identifier: MIT */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>

#include <p2p/p2p.h>
#include <p2p/pke.h>

#include "cli/app.h"

/*
 * p2p doctor: examines the way to a peer, step by step, with a connected socket of its own, for on
 * such a socket the system tells what it learns of the peer's machine. It waits where it must, and
 * has no loop.
 */
typedef enum doctor_state { DOCTOR_OK = 0, DOCTOR_FAILED = 1, DOCTOR_UNKNOWN = 2 } doctor_state;

/* What a step has found. Members that are 0 or empty are left out. */
typedef struct doctor_finding {
    const char *step;
    doctor_state state;
    char text[CLI_STACK_ERROR_SIZE];
    const char *advice;                  /* what to do, or NULL */
    char peer[P2P_PEER_ID_TEXT_LEN + 1]; /* who has answered */
    uint64_t took;                       /* nanoseconds of a round trip */
    size_t bytes;                        /* the longest message that passes */
} doctor_finding;

typedef struct doctor_net {
    int fd; /* below 0: there is none */
    char local[P2P_ADDR_TEXT_SIZE];
} doctor_net;

typedef struct doctor {
    cli_app app; /* for its key, output and reports; its loop gives random bytes and is never run */
    cli_spec spec;
    p2p_addr dst;                 /* as it was given */
    p2p_addr place;               /* its ip:port */
    uint8_t id[P2P_PEER_ID_SIZE]; /* who is wanted, if there is a layer with keys */
    uint64_t timeout;             /* of each wait */
    doctor_net net;
    uint64_t round_trip; /* to the peer, if it has answered */
    bool reached;        /* something has answered that may be the peer */
} doctor;

/* Prints a finding. */
void doctor_tell(doctor *self, const doctor_finding *finding);

/* The monotonic clock, and the time of day, in nanoseconds. */
uint64_t doctor_now(void);
uint64_t doctor_wall(void);

/* --- the socket --- */

/* What an address is called that many machines have together, "multicast" or "broadcast"; NULL if
 * it is none, as far as this machine knows. */
const char *doctor_net_group(const p2p_addr *addr);

/* Opens a socket that is connected to ip:port; from is the ip:port to send from, or NULL. Returns 0
 * or an errno. Datagrams are not fragmented, where the system can be told so. */
int doctor_net_open(doctor_net *net, const p2p_addr *to, const char *from);
void doctor_net_close(doctor_net *net);

/* The size that the system believes a packet on the way there may have, with all headers; 0 if it
 * does not tell. */
size_t doctor_net_path_mtu(const doctor_net *net);

/* Returns 0 or an errno. */
int doctor_net_send(const doctor_net *net, const void *data, size_t len);

/* Waits for a datagram until a time of doctor_now(). Returns 0, an errno that the system has
 * reported for one that was sent, or ETIMEDOUT. */
int doctor_net_receive(const doctor_net *net, uint64_t until, void *data, size_t cap, size_t *len);

/* Whether an errno says that the port is closed; and a sentence for each, with what to do. */
bool doctor_net_is_closed(int error);
const char *doctor_net_explain(int error);
const char *doctor_net_advice(int error);

/* --- handshakes --- */

/* How a handshake went. */
typedef struct doctor_handshake {
    int error;     /* an errno of the socket, or 0 */
    int reason;    /* an error of the library, or 0 */
    bool cookie;   /* the peer has asked for a cookie */
    bool answered; /* somebody has answered, with the key of this id */
    bool complete;
    bool strange; /* something came that is no handshake */
    uint8_t id[P2P_PEER_ID_SIZE];
    uint64_t answer_took;
    uint64_t took;
} doctor_handshake;

/* The side of a handshake that begins it. */
typedef struct doctor_peer {
    doctor *doctor;
    p2p_pke_endpoint *endpoint;
    p2p_pke_channel *channel;
    uint64_t shift; /* added to the time of day */
    bool only_ask;  /* stop at the answer, whoever it is; nothing is completed */
    doctor_handshake result;
} doctor_peer;

/* Makes a handshake; until is a time of doctor_now(). The peer can be talked to then, if it is
 * complete; free it in any case. */
void doctor_pke_shake(doctor_peer *peer, doctor *self, uint64_t shift, bool only_ask,
                      uint64_t until);
void doctor_pke_free(doctor_peer *peer);

/* Send and receive messages in the session, as doctor_net_send() and doctor_net_receive(). */
int doctor_pke_send(doctor_peer *peer, const void *data, size_t len);
int doctor_pke_receive(doctor_peer *peer, uint64_t until, void *data, size_t cap, size_t *len);

/* --- steps that are long --- */

/* The port, the handshake, the peer and the clock. Returns how to end; *peer may be talked to after
 * CLI_EXIT_OK. */
cli_exit doctor_examine_peer(doctor *self, doctor_peer *peer);

/* The sizes of messages. peer is NULL without a layer with keys. */
void doctor_examine_sizes(doctor *self, doctor_peer *peer);

/* Sends a message of len bytes (16 at least) that an echo sends back, at most twice. Returns 0 with
 * the time of its round trip, or an errno. */
int doctor_echo(doctor *self, doctor_peer *peer, size_t len, uint64_t *took);

#endif
