/* SPDX-License-Identifier: MIT */
/*
 * Writes the pages that are made from the lists in the public headers: `tables errors` for
 * docs/errors.md, `tables stats` for docs/stats.md.
 */
#include <stdio.h>
#include <string.h>

#include <p2p/err.h>
#include <p2p/swarm.h>

static void errors(void)
{
    puts("# Errors\n\n"
         "<!-- Made from include/p2p/err.h by `./dev docs`. -->\n\n"
         "A function that can fail returns 0 (`P2P_OK`) or one of these negative codes.\n"
         "`p2p_err_name()` gives the name and `p2p_err_text()` the meaning. Codes are part of\n"
         "the ABI: one is never renumbered or reused.\n\n"
         "| code | name | meaning |\n"
         "|-----:|------|---------|\n"
         "| 0 | `P2P_OK` | success |");
#define ROW(name, code, text) printf("| %d | `P2P_ERR_%s` | %s |\n", code, #name, text);
    P2P_ERR_LIST(ROW)
#undef ROW
}

static void stats(void)
{
    puts(
        "# Statistics\n\n"
        "<!-- Made from include/p2p/swarm.h by `./dev docs`. -->\n\n"
        "`p2p_swarm_stats()` copies these counters, which run since the swarm was made. A message\n"
        "that a swarm takes or gets and does not pass on is in exactly one `_drop_` counter.\n\n"
        "| counter | what it counts |\n"
        "|---------|----------------|");
#define ROW(name, text) printf("| `%s` | %s |\n", #name, text);
    P2P_STATS_LIST(ROW)
#undef ROW
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "errors"))
        errors();
    else if (argc == 2 && !strcmp(argv[1], "stats"))
        stats();
    else
        return 2;
    return 0;
}
