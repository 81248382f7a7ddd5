/* SPDX-License-Identifier: MIT */
#ifndef CLI_LISTEN_PRINT_H
#define CLI_LISTEN_PRINT_H

#include "cli/config.h"
#include "cli/output.h"
#include "cli/stack.h"

/* What listen prints of a message, by the options of the command line. wall is the time of day. */
void cli_message_print(cli_text *text, const cli_config *config, const cli_spec *spec,
                       uint64_t wall, const p2p_msg *msg);

#endif
