/* SPDX-License-Identifier: MIT */
/*
 * The library inside a program that has a poll() loop of its own. The program reads lines from its
 * standard input; each is told to a swarm that sends it back, and printed when it returns.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <p2p/p2p.h>

static void check(int err)
{
    if (err < 0) {
        fprintf(stderr, "foreign_poll: %s\n", p2p_err_text(err));
        exit(1);
    }
}

typedef struct program {
    p2p_loop *loop;
    p2p_swarm *near, *far;
    p2p_addr far_addr;
    char line[256];
    size_t len;
    int at_eof;
    unsigned away; /* lines that have not come back yet */
    int open;      /* swarms that are not closed yet */
} program;

static void on_echo(void *arg, const p2p_msg *msg)
{
    const program *p = arg;
    check(p2p_tell(p->far, msg->src, msg->data, msg->len));
}

static void on_return(void *arg, const p2p_msg *msg)
{
    program *p = arg;
    printf("back: %.*s\n", (int)msg->len, (const char *)msg->data);
    p->away--;
}

static void on_closed(void *arg)
{
    program *p = arg;
    p->open--;
}

/* The program's own work: takes what is there to read, and tells each whole line. */
static void read_input(program *p)
{
    ssize_t got = read(STDIN_FILENO, p->line + p->len, sizeof p->line - p->len);
    if (got <= 0) {
        p->at_eof = 1;
        return;
    }
    p->len += (size_t)got;
    for (;;) {
        char *end = memchr(p->line, '\n', p->len);
        if (!end && p->len < sizeof p->line)
            return;
        size_t line = end ? (size_t)(end - p->line) : p->len; /* a longer line is cut */
        check(p2p_tell(p->near, &p->far_addr, p->line, line));
        p->away++;
        size_t used = line + (end != NULL);
        p->len -= used;
        memmove(p->line, p->line + used, p->len);
    }
}

/* How long poll() may wait, in its milliseconds, rounded up so that it never wakes too early. */
static int wait_ms(const p2p_loop *loop)
{
    uint64_t deadline = p2p_loop_deadline(loop);
    uint64_t now = p2p_loop_clock(loop);
    if (deadline == P2P_NEVER)
        return -1;
    if (deadline <= now)
        return 0;
    uint64_t ms = (deadline - now + P2P_MILLISECOND - 1) / P2P_MILLISECOND;
    return ms < 60000 ? (int)ms : 60000;
}

/* The program's loop: one poll() for its own descriptor and for the library's. */
static void run(program *p)
{
    struct pollfd fds[2];
    fds[0].fd = p2p_loop_fd(p->loop);
    fds[0].events = POLLIN;
    fds[1].events = POLLIN;
    check(fds[0].fd);
    while (p->open) {
        fds[1].fd = p->at_eof ? -1 : STDIN_FILENO; /* poll() passes over -1 */
        fds[1].revents = 0;
        if (poll(fds, 2, wait_ms(p->loop)) < 0)
            continue; /* a signal */
        if (fds[1].revents)
            read_input(p);
        check(p2p_loop_step(p->loop)); /* costs little if there is nothing to do */
        if (p->at_eof && !p->away && p->near) {
            p2p_close(p->near, on_closed, p);
            p2p_close(p->far, on_closed, p);
            p->near = NULL;
        }
    }
}

int main(void)
{
    program p;
    p2p_udp_config config;
    memset(&p, 0, sizeof p);
    p.open = 2;
    p2p_udp_config_init(&config);
    config.bind = "127.0.0.1:0";
    check(p2p_loop_new(&p.loop, NULL));
    check(p2p_udp_new(&p.near, p.loop, &config));
    check(p2p_udp_new(&p.far, p.loop, &config));
    check(p2p_local_addr(p.far, &p.far_addr));
    p2p_on_tell(p.near, on_return, &p);
    p2p_on_tell(p.far, on_echo, &p);
    run(&p);
    check(p2p_loop_free(p.loop));
    return 0;
}
