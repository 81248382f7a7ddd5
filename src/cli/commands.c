/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include <string.h>

#include "cli/options.h"

#define LISTEN_TEXT                                                                             \
    "Prints the address it listens on, then each message that it receives, one per line.\n"     \
    "Port 0 stands for any free port; [::] and 0.0.0.0 stand for all addresses of this\n"       \
    "machine, which are then printed one per line. Ends with --count, --timeout or Ctrl-C.\n"   \
    "Control characters and bytes that are no UTF-8 are printed as in C: \\n, \\x1b, \\\\.\n"   \
    "On pke+udp:// peers are known by their keys and messages are encrypted; --allow names\n"   \
    "those who are let in.\n"                                                                   \
    "With --answer, requests are served: the command gets the request on its standard input\n"  \
    "and the asker's address in P2P_SRC; its output is the response, and a status other than\n" \
    "0 refuses the request with that code.\n"

#define LISTEN_EXAMPLES                                                           \
    "p2p listen udp://127.0.0.1:4000           on this machine only\n"            \
    "p2p listen 'udp://[::]:0' --json          on all addresses, any port\n"      \
    "p2p listen pke+udp://127.0.0.1:4000       encrypted, with this node's key\n" \
    "p2p listen udp://127.0.0.1:4000 --echo    something to ping\n"               \
    "p2p listen udp://0.0.0.0:4000 --from --count 10\n"

#define TELL_TEXT                                                                                 \
    "Sends each line of its input as one message, without the newline. Messages may be lost\n"    \
    "on the way, as datagrams are: success says that they have left, not that they arrived.\n"    \
    "To a peer that is known by its key (pke+udp://PEERID@...) there is a handshake first: the\n" \
    "status is 3 if nobody answers, and 4 if who answers has another key.\n"                      \
    "A line longer than the MTU is reported and left out. Sending too fast for the receiver\n"    \
    "is the usual reason for loss on one machine: see --rate.\n"

#define TELL_EXAMPLES                                            \
    "echo hello | p2p tell udp://127.0.0.1:4000\n"               \
    "p2p tell udp://127.0.0.1:4000 --message hello\n"            \
    "p2p tell 'udp://[::1]:4000' --file words.txt --rate 1000\n" \
    "p2p tell udp://127.0.0.1:4000 --file picture.png --whole --mtu 60000\n"

#define DOCTOR_TEXT                                                                                \
    "Tries to reach a peer step by step, and explains each step: what was found, and what to do\n" \
    "about it. The steps are the address, the route, the port, and for a peer with a key the\n"    \
    "handshake, its key, and the clock; then the sizes of messages. Nothing that the "             \
    "application\n"                                                                                \
    "there would see is sent to a peer with a key, unless --echo is given; over plain udp:// it\n" \
    "is one empty message.\n"

#define DOCTOR_EXAMPLES                            \
    "p2p doctor pke+udp://PEERID@127.0.0.1:4000\n" \
    "p2p doctor udp://127.0.0.1:4000 --echo --json\n"

#define KEYGEN_TEXT                                                                                \
    "Makes a new key (Ed25519) and prints its peer id. The file is for its owner alone, and one\n" \
    "that is there is never replaced without --force. Without --out it becomes the key that "      \
    "this\n"                                                                                       \
    "user's nodes have. openssl reads the file, and p2p reads what openssl genpkey -algorithm\n"   \
    "ed25519 writes.\n"

#define KEYGEN_EXAMPLES           \
    "p2p keygen\n"                \
    "p2p keygen --out node.pem\n" \
    "p2p keygen --from-go-p2p old.key --out node.pem\n"

#define ID_TEXT \
    "Prints the peer id of a key: what others write before the @ of this node's address.\n"

#define ID_EXAMPLES \
    "p2p id\n"      \
    "p2p id --key node.pem --public\n"

#define ASK_TEXT                                                                                 \
    "Sends one request and prints the response. The request is REQUEST, or a file, or all of\n"  \
    "the input. Today only swarms in memory have requests, and these are of one process: with\n" \
    "--answer, ask makes the other node as well.\n"

#define ASK_EXAMPLES                                 \
    "p2p ask mem:// 'hello' --answer 'tr a-z A-Z'\n" \
    "p2p ask mem:// --file list.txt --answer sort\n" \
    "p2p ask mem:// now --answer date --json\n"

#define PING_TEXT                                                                               \
    "Sends messages that the other side sends back (p2p listen --echo), prints how long each\n" \
    "took, and at the end how many were lost. The status is 3 if none came back.\n"

#define PING_EXAMPLES                                          \
    "p2p ping udp://127.0.0.1:4000\n"                          \
    "p2p ping 'udp://[::1]:4000' --count 5 --interval 200ms\n" \
    "p2p ping udp://127.0.0.1:4000 --count 1000 --interval 1ms --size 1200 --json\n"

const cli_command cli_commands[] = {
    {"listen", "ADDR", "receive messages, and print them", LISTEN_TEXT, LISTEN_EXAMPLES,
     cli_listen_options, &cli_n_listen_options, 1, 1,
     "listen needs an address, such as udp://127.0.0.1:0 (port 0: any free one)", cli_listen},
    {"tell", "ADDR", "send messages: lines of the input, of a file, or texts", TELL_TEXT,
     TELL_EXAMPLES, cli_tell_options, &cli_n_tell_options, 1, 1,
     "tell needs the address that p2p listen printed, such as udp://127.0.0.1:4000", cli_tell},
    {"ask", "ADDR [REQUEST]", "send a request, and print the response", ASK_TEXT, ASK_EXAMPLES,
     cli_ask_options, &cli_n_ask_options, 1, 2,
     "ask needs an address, such as mem:// (together with --answer)", cli_ask},
    {"ping", "ADDR", "measure round trips to a p2p listen --echo", PING_TEXT, PING_EXAMPLES,
     cli_ping_options, &cli_n_ping_options, 1, 1,
     "ping needs the address that p2p listen --echo printed, such as udp://127.0.0.1:4000",
     cli_ping},
    {"doctor", "ADDR", "explain why a peer can or cannot be reached", DOCTOR_TEXT, DOCTOR_EXAMPLES,
     cli_doctor_options, &cli_n_doctor_options, 1, 1,
     "doctor needs the address to examine, such as udp://127.0.0.1:4000", cli_doctor},
    {"keygen", "", "make a key, and print its peer id", KEYGEN_TEXT, KEYGEN_EXAMPLES,
     cli_keygen_options, &cli_n_keygen_options, 0, 0, NULL, cli_keygen},
    {"id", "", "print the peer id of a key", ID_TEXT, ID_EXAMPLES, cli_id_options,
     &cli_n_id_options, 0, 0, NULL, cli_show_id},
    {"errors", "", "list the error codes and exit statuses",
     "Lists the error codes of the library, and the exit statuses of this program.\n",
     "p2p errors\n", cli_plain_options, &cli_n_plain_options, 0, 0, NULL, cli_errors},
    {"version", "", "print the version", "Prints the version of the program and of the library.\n",
     "p2p version --json\n", cli_plain_options, &cli_n_plain_options, 0, 0, NULL, cli_version},
    {"help", "[COMMAND]", "explain a command", "Explains a command, or lists them.\n",
     "p2p help tell\n", cli_help_options, &cli_n_help_options, 0, 1, NULL, cli_show_help},
};
const size_t cli_n_commands = sizeof cli_commands / sizeof *cli_commands;

const cli_command *cli_command_find(const char *name)
{
    for (size_t i = 0; i < cli_n_commands; i++)
        if (strcmp(cli_commands[i].name, name) == 0)
            return &cli_commands[i];
    return NULL;
}

const char *cli_command_nearest(const char *name)
{
    const char *names[sizeof cli_commands / sizeof *cli_commands];
    for (size_t i = 0; i < cli_n_commands; i++)
        names[i] = cli_commands[i].name;
    return cli_nearest(name, strlen(name), names, cli_n_commands);
}
