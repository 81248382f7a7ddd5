/* SPDX-License-Identifier: MIT */
/* Two loops on two threads share a port (SO_REUSEPORT); others talk across threads. */
#include "test_udp.h"

#include <pthread.h>

enum { SENDERS = 16, EACH = 50 };

/* A loop on a thread of its own with one swarm, which answers every message with itself. */
typedef struct server {
    counted m;
    p2p_loop *loop;
    node n;
    pthread_t thread;
    size_t refused;
    p2p_task stop;
} server;

static void answer(void *arg, const p2p_msg *msg)
{
    server *s = arg;
    s->n.count++;
    s->refused += p2p_tell(s->n.swarm, msg->src, msg->data, msg->len) != 0;
}

static void close_server(void *arg)
{
    server *s = arg;
    p2p_close(s->n.swarm, on_node_closed, &s->n);
}

static void *serve(void *arg)
{
    server *s = arg;
    while (!s->n.closed)
        if (p2p_loop_run(s->loop) != 0)
            break;
    return NULL;
}

static void start_server(server *s, const char *bind)
{
    s->loop = counted_loop(&s->m);
    open_flags(&s->n, s->loop, bind, P2P_UDP_REUSE_PORT);
    p2p_on_tell(s->n.swarm, answer, s);
    p2p_task_init(&s->stop, close_server, s);
}

static void stop_server(server *s)
{
    p2p_loop_post(s->loop, &s->stop);
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    assert_true(s->n.closed);
    assert_int_equal(s->refused, 0);
    counted_end(s->loop, &s->m);
}

/* Each answer came from the shared address and is the question. */
static void check_answers(const node *from, const node *asked)
{
    for (size_t i = 0; i < EACH; i++)
        assert_message(from, i, asked, 30, i);
}

static void test_shared_port(void **state)
{
    (void)state;
    static server servers[2];
    memset(servers, 0, sizeof servers);
    start_server(&servers[0], "127.0.0.1:0");
    char text[P2P_ADDR_TEXT_SIZE];
    assert_int_equal(p2p_addr_text(&servers[0].n.addr, text, sizeof text), 0);
    start_server(&servers[1], text);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&servers[i].thread, NULL, serve, &servers[i]), 0);

    counted m;
    p2p_loop *loop = counted_loop(&m);
    static node senders[SENDERS];
    node shared = {.addr = parsed(text)};
    /* From many ports, so that the system gives some to each server. */
    for (size_t i = 0; i < SENDERS; i++)
        open_flags(&senders[i], loop, "127.0.0.1:0", 0);
    for (size_t k = 0; k < EACH; k += 10) {
        for (size_t i = 0; i < SENDERS; i++)
            for (size_t j = k; j < k + 10; j++)
                assert_int_equal(tell_number(&senders[i], &shared, 30, j), 0);
        for (size_t i = 0; i < SENDERS; i++)
            wait_for(&senders[i], k + 10);
    }
    for (size_t i = 0; i < SENDERS; i++) {
        check_answers(&senders[i], &shared);
        close_node(&senders[i]);
    }
    counted_end(loop, &m);
    stop_server(&servers[0]);
    stop_server(&servers[1]);
    assert_int_equal(servers[0].n.count + servers[1].n.count, SENDERS * EACH);
#if P2P__UDP_LINUX
    assert_true(servers[0].n.count > 0);
    assert_true(servers[1].n.count > 0);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shared_port)};
    return cmocka_run_group_tests_name("udp_threads", tests, NULL, NULL);
}
