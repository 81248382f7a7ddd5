/* SPDX-License-Identifier: MIT */
/*
 * Ask and serve between two memory swarms: one request is answered at once, one is held and
 * answered later from a timer, one is refused with a code, and one is forgotten by its handler.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p2p/p2p.h>

#define CODE_FORBIDDEN 7u /* an application's own code: 1 to 253 */

static void check(int err)
{
    if (err) {
        fprintf(stderr, "ask: %s\n", p2p_err_text(err));
        exit(1);
    }
}

typedef struct server {
    p2p_swarm *swarm;
    p2p_timer timer;
    p2p_request held; /* one is enough here; a server of many keeps many */
} server;

static void on_timer(void *arg)
{
    const server *s = arg;
    check(p2p_reply(s->held, "done, at last", 13));
}

static int is(const p2p_msg *msg, const char *word)
{
    return msg->len == strlen(word) && memcmp(msg->data, word, msg->len) == 0;
}

static void on_ask(void *arg, const p2p_msg *msg, p2p_request request)
{
    server *s = arg;
    if (is(msg, "hello")) {
        check(p2p_reply(request, "hello yourself", 14));
    } else if (is(msg, "slow work")) {
        check(p2p_request_hold(request));
        s->held = request;
        p2p_timer_start_in(&s->timer, 20 * P2P_MILLISECOND);
    } else if (is(msg, "your key")) {
        check(p2p_refuse(request, CODE_FORBIDDEN));
    }
    /* Anything else: the library refuses it with P2P_CODE_DROPPED, so nobody waits in vain. */
}

typedef struct client {
    p2p_swarm *swarm;
    server *server;
    unsigned waiting;
} client;

typedef struct question {
    const char *text;
    client *client;
} question;

static void on_answer(void *arg, const p2p_answer *answer)
{
    const question *q = arg;
    client *c = q->client;
    if (answer->status == 0)
        printf("%s: \"%.*s\"\n", q->text, (int)answer->len, (const char *)answer->data);
    else if (answer->status == P2P_ERR_REFUSED)
        printf("%s: refused with code %u\n", q->text, (unsigned)answer->code);
    else
        printf("%s: %s\n", q->text, p2p_err_text(answer->status));
    if (--c->waiting == 0) {
        p2p_close(c->swarm, NULL, NULL);
        p2p_close(c->server->swarm, NULL, NULL);
    }
}

int main(void)
{
    p2p_loop *loop;
    p2p_realm *realm;
    p2p_addr addr;
    server s;
    client c = {NULL, &s, 0};
    question questions[] = {{"slow work", &c}, {"hello", &c}, {"your key", &c}, {"mumble", &c}};

    check(p2p_loop_new(&loop, NULL));
    check(p2p_realm_new(&realm, loop, NULL));
    check(p2p_mem_new(&s.swarm, realm, NULL));
    check(p2p_mem_new(&c.swarm, realm, NULL));
    p2p_timer_init(&s.timer, loop, on_timer, &s);
    p2p_on_ask(s.swarm, on_ask, &s);

    check(p2p_local_addr(s.swarm, &addr));
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        const char *text = questions[i].text;
        check(p2p_ask(c.swarm, &addr, text, strlen(text), 0, NULL, on_answer, &questions[i]));
        c.waiting++;
    }
    check(p2p_loop_run(loop)); /* ends when both swarms are closed */
    check(p2p_realm_free(realm));
    check(p2p_loop_free(loop));
    return 0;
}
