/* SPDX-License-Identifier: MIT */
/* UDP: what goes wrong in one direction does not hide what goes wrong in the other. */
#include "test_udp.h"

#include <errno.h>

static p2p__udp_sys broken;

static int cannot_send(int fd, const uint8_t *arena, const p2p__udp_run *runs, unsigned n)
{
    (void)fd;
    (void)arena;
    (void)runs;
    (void)n;
    return -EPERM;
}

static int cannot_receive(int fd, void *rx, p2p__udp_datagram *out, unsigned n)
{
    (void)fd;
    (void)rx;
    (void)out;
    (void)n;
    return -ENOMEM;
}

static void test_both_directions(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        counted m;
        node n;
        p2p_loop *loop = counted_loop(&m);
        open_node(&n, loop, NULL);
        p2p__udp *udp = p2p__udp_of(n.swarm);
        const p2p__udp_sys *real = udp->sys;
        broken = *real;
        broken.send = cannot_send;
        broken.recv = cannot_receive;
        udp->sys = &broken;
        for (int i = 0; i < 2; i++) {
            if (i == first) {
                p2p__udp_receive(udp);
            } else {
                assert_int_equal(tell_number(&n, &n, 10, 0), 0);
                settle(loop);
            }
            assert_int_equal(m.logs, i + 1);
            assert_non_null(strstr(m.last_log, i == first ? "cannot receive" : "cannot send"));
        }
        assert_int_equal(stats_of(&n).tx_drop_error, 1);
        udp->sys = real;
        close_node(&n);
        counted_end(loop, &m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_directions),
    };
    return cmocka_run_group_tests_name("udp log", tests, NULL, NULL);
}
