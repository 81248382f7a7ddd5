/* SPDX-License-Identifier: MIT */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/app.h"

/*
 * Answers requests with the output of a shell command, which gets the request on its standard
 * input. Commands run beside the loop, which never waits for them; there are limits on how
 * many, for how long, and on what they print. Each is the leader of a process group, which is
 * killed as one.
 */
typedef struct cli_job cli_job;

typedef struct cli_answer {
    cli_app *app; /* NULL while not opened */
    const cli_spec *spec;
    cli_job *jobs; /* those that run */
    uint64_t n_jobs;
    void (*on_served)(void *arg);
    void *arg;
} cli_answer;

/* Refusal codes besides the status of the command; 124 to 126 are those of timeout(1). */
#define CLI_CODE_TIMEOUT   124u
#define CLI_CODE_NOT_BEGUN 126u
#define CLI_CODE_TOO_LONG  253u

/*
 * Serves the requests of a swarm by the options of app. on_served is called after each.
 * Returns false if the swarm has no requests, after that was reported.
 */
bool cli_answer_open(cli_answer *answer, cli_app *app, p2p_swarm *swarm, const cli_spec *spec,
                     void (*on_served)(void *arg), void *arg);

/* Kills what still runs, before the swarm is closed. May be called without open. */
void cli_answer_close(cli_answer *answer);

/* Reports that a swarm has no requests, and sets app->exit. */
void cli_answer_unsupported(cli_app *app, const cli_spec *spec);

/* What a refusal code may mean, for a reader; "" if it is known only to the other side. */
const char *cli_code_text(unsigned code);

#endif
