/* SPDX-License-Identifier: MIT */
/* A program outside the project: one timer on a loop, and a name of each installed library. */
#include <stdio.h>
#include <string.h>

#include <p2p/p2p.h>
#include <p2p/testing.h>

static void stop(void *arg)
{
    p2p_loop_stop(arg);
}

int main(void)
{
    p2p_loop *loop;
    p2p_timer timer;
    int err = p2p_loop_new(&loop, NULL);
    if (err)
        return 1;
    p2p_timer_init(&timer, loop, stop, loop);
    p2p_timer_start_in(&timer, P2P_MILLISECOND);
    err = p2p_loop_run(loop);
    if (!err)
        err = p2p_loop_free(loop);
    printf("p2pswarm %s: %s; %zu checks\n", p2p_version(), p2p_err_text(err), p2p_check_count());
    return err || strcmp(p2p_version(), P2P_VERSION) != 0 || p2p_check_count() == 0;
}
