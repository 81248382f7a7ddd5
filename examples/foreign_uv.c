/* SPDX-License-Identifier: MIT */
/*
 * The library inside a program that uses libuv already: it lives on the program's uv_loop_t, beside
 * the program's own handles, and uv_run() runs both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include <p2p/p2p.h>

#define TICKS 3u

static void check(int err)
{
    if (err) {
        fprintf(stderr, "foreign_uv: %s\n", p2p_err_text(err));
        exit(1);
    }
}

static void check_uv(int err)
{
    if (err) {
        fprintf(stderr, "foreign_uv: %s\n", uv_strerror(err));
        exit(1);
    }
}

typedef struct program {
    p2p_loop *loop;
    p2p_swarm *sender, *receiver;
    p2p_addr addr;
    uv_timer_t timer;
    unsigned ticks;
    unsigned received;
    unsigned closed;
} program;

/* With both swarms closed nothing is left that keeps uv_run() going, so it returns. */
static void on_closed(void *arg)
{
    program *p = arg;
    p->closed++;
}

static void on_tell(void *arg, const p2p_msg *msg)
{
    program *p = arg;
    printf("received: %.*s\n", (int)msg->len, (const char *)msg->data);
    if (++p->received == TICKS) {
        p2p_close(p->sender, on_closed, p);
        p2p_close(p->receiver, on_closed, p);
    }
}

/* The program's own timer, of libuv, calls the library as any code on this thread may. */
static void on_tick(uv_timer_t *timer)
{
    program *p = timer->data;
    char text[32];
    int len = snprintf(text, sizeof text, "tick %u", ++p->ticks);
    check(p2p_tell(p->sender, &p->addr, text, (size_t)len));
    if (p->ticks == TICKS)
        uv_close((uv_handle_t *)timer, NULL);
}

int main(void)
{
    program p;
    uv_loop_t uv;
    p2p_loop_config config;
    p2p_udp_config udp;
    memset(&p, 0, sizeof p);
    check_uv(uv_loop_init(&uv));

    p2p_loop_config_init(&config);
    config.uv_loop = &uv;
    check(p2p_loop_new(&p.loop, &config));
    p2p_udp_config_init(&udp);
    udp.bind = "127.0.0.1:0";
    check(p2p_udp_new(&p.sender, p.loop, &udp));
    check(p2p_udp_new(&p.receiver, p.loop, &udp));
    check(p2p_local_addr(p.receiver, &p.addr));
    p2p_on_tell(p.receiver, on_tell, &p);

    check_uv(uv_timer_init(&uv, &p.timer));
    p.timer.data = &p;
    check_uv(uv_timer_start(&p.timer, on_tick, 10, 10));

    uv_run(&uv, UV_RUN_DEFAULT);
    printf("%u swarms closed\n", p.closed);
    check(p2p_loop_free(p.loop));
    uv_run(&uv, UV_RUN_DEFAULT); /* the library's handles close now */
    check_uv(uv_loop_close(&uv));
    return 0;
}
