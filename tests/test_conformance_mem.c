/* SPDX-License-Identifier: MIT */
/* The conformance suite on memory swarms: both loops, with and without a link model and keys. */
#include <string.h>

#include <p2p/testing.h>

#include "support/mem_testbed.h"

int main(int argc, char **argv)
{
    mem_network networks[] = {
        {.name = "mem, simulated"},
        {.name = "mem, simulated, secure", .secure = 1},
        {.name = "mem, simulated, latency", .secure = 1, .link = &mem_slow_link, .seed = 1},
        {.name = "mem, simulated, 30 % loss", .secure = 1, .link = &mem_lossy_link, .seed = 2},
        {.name = "mem, real time", .real_time = 1},
        {.name = "mem, real time, secure", .real_time = 1, .secure = 1},
        {.name = "mem, real time, latency", .real_time = 1, .link = &mem_quick_link},
        {.name = "mem, real time, 30 % loss", .real_time = 1, .link = &mem_quick_lossy_link},
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        p2p_testbed bed = mem_testbed(&networks[i]);
        p2p_conformance result;
        if (argc > 1 && !strstr(networks[i].name, argv[1]))
            continue;
        failed += p2p_conformance_run(&bed, stdout, &result);
        fflush(stdout);

        /* With all claims only what it has no buffer for, and what is for others, is skipped. */
        failed += networks[i].secure && !networks[i].link && result.skipped > 8;
    }
    return failed ? 1 : 0;
}
