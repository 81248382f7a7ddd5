/* SPDX-License-Identifier: MIT */
#include <p2p/p2p.h>
#include <stdio.h>

static void on_tell(void *arg, const p2p_msg *msg)
{
    p2p_swarm **pair = arg;
    printf("%.*s\n", (int)msg->len, (const char *)msg->data);
    p2p_close(pair[0], NULL, NULL);
    p2p_close(pair[1], NULL, NULL); /* nothing is left then, so the loop ends */
}

int main(void)
{
    p2p_loop *loop;
    p2p_swarm *pair[2];
    p2p_udp_config config;
    p2p_addr addr;
    int err;
    p2p_udp_config_init(&config);
    config.bind = "127.0.0.1:0"; /* port 0: any free one */
    if ((err = p2p_loop_new(&loop, NULL)) || (err = p2p_udp_new(&pair[0], loop, &config)) ||
        (err = p2p_udp_new(&pair[1], loop, &config)) || (err = p2p_local_addr(pair[1], &addr)) ||
        (err = p2p_tell(pair[0], &addr, "hello, swarm", 12)))
        return fprintf(stderr, "hello: %s\n", p2p_err_text(err)), 1;
    p2p_on_tell(pair[1], on_tell, pair);
    if ((err = p2p_loop_run(loop)) || (err = p2p_loop_free(loop)))
        fprintf(stderr, "hello: %s\n", p2p_err_text(err));
    return err != 0;
}
