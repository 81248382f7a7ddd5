/* SPDX-License-Identifier: MIT */
/* Nodes that know each other by their keys, over UDP. Alice lets in Bob and nobody else. */
#include <p2p/p2p.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int err)
{
    if (err) {
        fprintf(stderr, "secure: %s\n", p2p_err_text(err));
        exit(1);
    }
}

static void on_tell(void *loop, const p2p_msg *msg)
{
    char src[P2P_ADDR_TEXT_SIZE]; /* begins with the id of the key that the sender has proven */
    check(p2p_addr_text(msg->src, src, sizeof src));
    printf("%.*s, says %s\n", (int)msg->len, (const char *)msg->data, src);
    p2p_loop_stop(loop);
}

/* Whether a peer may come, or be told something. */
static int is_bob(void *bob, const p2p_addr *peer)
{
    uint8_t id[P2P_PEER_ID_SIZE];
    return p2p_addr_peer_id(peer, id) == 0 && memcmp(id, bob, sizeof id) == 0;
}

int main(void)
{
    enum { CAROL, BOB, ALICE, NODES };
    p2p_loop *loop;
    p2p_swarm *inner, *node[NODES];
    p2p_signer *signer[NODES];
    p2p_udp_config udp;
    p2p_pke_swarm_config config;
    p2p_addr addr;
    p2p_stats stats;
    uint8_t seed[P2P_ED25519_SEED_SIZE], bob[P2P_PEER_ID_SIZE];
    char text[P2P_ADDR_TEXT_SIZE];
    p2p_udp_config_init(&udp);
    udp.bind = "127.0.0.1:0";
    p2p_pke_swarm_config_init(&config);
    check(p2p_loop_new(&loop, NULL));
    for (int i = 0; i < NODES; i++) {
        check(p2p_loop_secret(loop, seed, sizeof seed)); /* a key for this time only */
        check(p2p_ed25519_signer_new(&signer[i], seed, NULL));
        config.signer = signer[i];
        config.allow = i == ALICE ? is_bob : NULL; /* NULL: everybody */
        config.allow_arg = bob;
        check(p2p_udp_new(&inner, loop, &udp));
        check(p2p_pke_swarm_new(&node[i], inner, &config)); /* inner belongs to it now */
        p2p_on_tell(node[i], on_tell, loop);
    }
    check(p2p_pke_swarm_id(node[BOB], bob));

    /* PEERID@ip:port. What is told to it reaches the holder of that key, or nobody. */
    check(p2p_local_addr(node[ALICE], &addr));
    check(p2p_addr_text(&addr, text, sizeof text));
    printf("alice is %s\n", text);
    check(p2p_parse_addr(node[BOB], text, &addr));
    check(p2p_tell(node[CAROL], &addr, "let me in", 9)); /* gets no answer */
    check(p2p_tell(node[BOB], &addr, "hello, alice", 12));
    check(p2p_loop_run(loop)); /* until somebody is heard */
    p2p_swarm_stats(node[ALICE], &stats);
    printf("messages of others turned away: %u\n", (unsigned)stats.rx_drop_malformed);

    for (int i = 0; i < NODES; i++)
        p2p_close(node[i], NULL, NULL);
    check(p2p_loop_run(loop)); /* until all are closed */
    for (int i = 0; i < NODES; i++)
        p2p_signer_free(signer[i]);
    check(p2p_loop_free(loop));
    return 0;
}
