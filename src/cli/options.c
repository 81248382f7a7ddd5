/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <p2p/loop.h>
#include <p2p/udp.h>

#define YEAR     (UINT64_C(365) * 24 * 3600 * P2P_SECOND)
#define MANY     UINT64_C(1000000000)
#define MEBIBYTE (UINT64_C(1) << 20)

#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

/* Lines of help that commands share. */
#define ANSWER_JOBS_HELP    "commands that may run at the same time (16)"
#define ANSWER_SIZE_HELP    "longest output of the command (1M)"
#define ANSWER_TIMEOUT_HELP "the command is killed after this time (10s)"
#define BIND_HELP           "send from this local address, such as 127.0.0.1:5000"
#define HELP_HELP           "show this text"
#define JSON_HELP           "print JSON, one object per line"
#define KEY_HELP            "this node's key (~/.config/p2p/key.pem, else one for this time)"
#define MTU_HELP            "longest message to send (udp: 1232, pke+udp: 1212)"
#define STATS_HELP          "print the counters at the end"
#define VERBOSE_HELP        "print the library's log; twice: all of it"

const cli_option cli_listen_options[] = {
    {CLI_OPT_COUNT, 'c', "count", CLI_NUMBER, "N", 1, MANY, "end after N messages"},
    {CLI_OPT_TIMEOUT, 't', "timeout", CLI_TIME, "TIME", P2P_MILLISECOND, YEAR,
     "end when nothing came for this time"},
    {CLI_OPT_FROM, 'f', "from", CLI_FLAG, NULL, 0, 0,
     "put the sender's address and a tab before each message"},
    {CLI_OPT_RAW, 'r', "raw", CLI_FLAG, NULL, 0, 0, "print messages as they are, nothing escaped"},
    {CLI_OPT_NO_NEWLINE, 'n', "no-newline", CLI_FLAG, NULL, 0, 0,
     "print no newline after a message"},
    {CLI_OPT_ECHO, 'e', "echo", CLI_FLAG, NULL, 0, 0,
     "send each message back, as p2p ping needs it"},
    {CLI_OPT_ANSWER, 'a', "answer", CLI_WORD, "COMMAND", 0, 0,
     "answer each request with the output of a shell command"},
    {CLI_OPT_ANSWER_TIMEOUT, 0, "answer-timeout", CLI_TIME, "TIME", P2P_MILLISECOND, YEAR,
     ANSWER_TIMEOUT_HELP},
    {CLI_OPT_ANSWER_JOBS, 0, "answer-jobs", CLI_NUMBER, "N", 1, 256, ANSWER_JOBS_HELP},
    {CLI_OPT_ANSWER_SIZE, 0, "answer-size", CLI_BYTES, "BYTES", 1, 16 * MEBIBYTE, ANSWER_SIZE_HELP},
    {CLI_OPT_KEY, 'k', "key", CLI_WORD, "FILE", 0, 0, KEY_HELP},
    {CLI_OPT_ALLOW, 'A', "allow", CLI_WORD, "PEERID", 0, 0,
     "let in this peer, and others so named, and nobody else"},
    {CLI_OPT_MTU, 'm', "mtu", CLI_BYTES, "BYTES", 1, P2P_UDP_MAX_MTU, MTU_HELP},
    {CLI_OPT_JSON, 'j', "json", CLI_FLAG, NULL, 0, 0, JSON_HELP},
    {CLI_OPT_STATS, 's', "stats", CLI_FLAG, NULL, 0, 0, STATS_HELP},
    {CLI_OPT_VERBOSE, 'v', "verbose", CLI_FLAG, NULL, 0, 0, VERBOSE_HELP},
    {CLI_OPT_HELP, 'h', "help", CLI_FLAG, NULL, 0, 0, HELP_HELP},
};
const size_t cli_n_listen_options = COUNT_OF(cli_listen_options);

const cli_option cli_tell_options[] = {
    {CLI_OPT_MESSAGE, 'M', "message", CLI_WORD, "TEXT", 0, 0,
     "send this text; may be given again for more"},
    {CLI_OPT_FILE, 'f', "file", CLI_WORD, "FILE", 0, 0, "send the lines of a file"},
    {CLI_OPT_WHOLE, 'w', "whole", CLI_FLAG, NULL, 0, 0,
     "send all of the input as one message, byte by byte"},
    {CLI_OPT_RATE, 'R', "rate", CLI_NUMBER, "N", 0, MANY,
     "messages per second (10000); 0: as fast as they go"},
    {CLI_OPT_BIND, 'b', "bind", CLI_WORD, "ADDR", 0, 0, BIND_HELP},
    {CLI_OPT_TIMEOUT, 't', "timeout", CLI_TIME, "TIME", P2P_MILLISECOND, YEAR,
     "give up if the handshake, or the rest at the end, takes longer (10s)"},
    {CLI_OPT_KEY, 'k', "key", CLI_WORD, "FILE", 0, 0, KEY_HELP},
    {CLI_OPT_MTU, 'm', "mtu", CLI_BYTES, "BYTES", 1, P2P_UDP_MAX_MTU, MTU_HELP},
    {CLI_OPT_JSON, 'j', "json", CLI_FLAG, NULL, 0, 0, JSON_HELP},
    {CLI_OPT_STATS, 's', "stats", CLI_FLAG, NULL, 0, 0, STATS_HELP},
    {CLI_OPT_VERBOSE, 'v', "verbose", CLI_FLAG, NULL, 0, 0, VERBOSE_HELP},
    {CLI_OPT_HELP, 'h', "help", CLI_FLAG, NULL, 0, 0, HELP_HELP},
};
const size_t cli_n_tell_options = COUNT_OF(cli_tell_options);

const cli_option cli_ask_options[] = {
    {CLI_OPT_TIMEOUT, 't', "timeout", CLI_TIME, "TIME", P2P_MILLISECOND, YEAR,
     "wait this long for the response (30s)"},
    {CLI_OPT_FILE, 'f', "file", CLI_WORD, "FILE", 0, 0, "the request is what is in this file"},
    {CLI_OPT_RAW, 'r', "raw", CLI_FLAG, NULL, 0, 0,
     "print the response as it is, nothing escaped or added"},
    {CLI_OPT_ANSWER, 'a', "answer", CLI_WORD, "COMMAND", 0, 0,
     "make the other node too, which answers as listen --answer"},
    {CLI_OPT_ANSWER_TIMEOUT, 0, "answer-timeout", CLI_TIME, "TIME", P2P_MILLISECOND, YEAR,
     ANSWER_TIMEOUT_HELP},
    {CLI_OPT_ANSWER_SIZE, 0, "answer-size", CLI_BYTES, "BYTES", 1, 16 * MEBIBYTE, ANSWER_SIZE_HELP},
    {CLI_OPT_BIND, 'b', "bind", CLI_WORD, "ADDR", 0, 0, BIND_HELP},
    {CLI_OPT_JSON, 'j', "json", CLI_FLAG, NULL, 0, 0, JSON_HELP},
    {CLI_OPT_STATS, 's', "stats", CLI_FLAG, NULL, 0, 0, STATS_HELP},
    {CLI_OPT_VERBOSE, 'v', "verbose", CLI_FLAG, NULL, 0, 0, VERBOSE_HELP},
    {CLI_OPT_HELP, 'h', "help", CLI_FLAG, NULL, 0, 0, HELP_HELP},
};
const size_t cli_n_ask_options = COUNT_OF(cli_ask_options);

const cli_option cli_ping_options[] = {
    {CLI_OPT_COUNT, 'c', "count", CLI_NUMBER, "N", 1, MANY, "send N pings (until interrupted)"},
    {CLI_OPT_INTERVAL, 'i', "interval", CLI_TIME, "TIME", P2P_MILLISECOND, YEAR,
     "time from one ping to the next (1s)"},
    {CLI_OPT_SIZE, 'S', "size", CLI_BYTES, "BYTES", 16, P2P_UDP_MAX_MTU,
     "length of a ping, at least 16 (56)"},
    {CLI_OPT_TIMEOUT, 't', "timeout", CLI_TIME, "TIME", P2P_MILLISECOND, YEAR,
     "a ping is lost after this time (2s)"},
    {CLI_OPT_BIND, 'b', "bind", CLI_WORD, "ADDR", 0, 0, BIND_HELP},
    {CLI_OPT_KEY, 'k', "key", CLI_WORD, "FILE", 0, 0, KEY_HELP},
    {CLI_OPT_MTU, 'm', "mtu", CLI_BYTES, "BYTES", 1, P2P_UDP_MAX_MTU, MTU_HELP},
    {CLI_OPT_JSON, 'j', "json", CLI_FLAG, NULL, 0, 0, JSON_HELP},
    {CLI_OPT_STATS, 's', "stats", CLI_FLAG, NULL, 0, 0, STATS_HELP},
    {CLI_OPT_VERBOSE, 'v', "verbose", CLI_FLAG, NULL, 0, 0, VERBOSE_HELP},
    {CLI_OPT_HELP, 'h', "help", CLI_FLAG, NULL, 0, 0, HELP_HELP},
};
const size_t cli_n_ping_options = COUNT_OF(cli_ping_options);

const cli_option cli_doctor_options[] = {
    {CLI_OPT_TIMEOUT, 't', "timeout", CLI_TIME, "TIME", 10 * P2P_MILLISECOND, YEAR,
     "wait this long for each answer (3s)"},
    {CLI_OPT_KEY, 'k', "key", CLI_WORD, "FILE", 0, 0, KEY_HELP},
    {CLI_OPT_ECHO, 'e', "echo", CLI_FLAG, NULL, 0, 0,
     "the peer runs p2p listen --echo: try messages of several sizes"},
    {CLI_OPT_BIND, 'b', "bind", CLI_WORD, "ADDR", 0, 0, BIND_HELP},
    {CLI_OPT_JSON, 'j', "json", CLI_FLAG, NULL, 0, 0, JSON_HELP},
    {CLI_OPT_HELP, 'h', "help", CLI_FLAG, NULL, 0, 0, HELP_HELP},
};
const size_t cli_n_doctor_options = COUNT_OF(cli_doctor_options);

const cli_option cli_keygen_options[] = {
    {CLI_OPT_OUT, 'o', "out", CLI_WORD, "FILE", 0, 0,
     "where to write it (~/.config/p2p/key.pem); - is the output"},
    {CLI_OPT_FORCE, 'f', "force", CLI_FLAG, NULL, 0, 0, "replace a file that is there"},
    {CLI_OPT_FORMAT, 'F', "format", CLI_WORD, "FORMAT", 0, 0,
     "pem (PKCS#8, the default), der (the same), or go-p2p"},
    {CLI_OPT_FROM_GO_P2P, 0, "from-go-p2p", CLI_WORD, "FILE", 0, 0,
     "no new key, but that of this file in the form of go-p2p"},
    {CLI_OPT_JSON, 'j', "json", CLI_FLAG, NULL, 0, 0, JSON_HELP},
    {CLI_OPT_HELP, 'h', "help", CLI_FLAG, NULL, 0, 0, HELP_HELP},
};
const size_t cli_n_keygen_options = COUNT_OF(cli_keygen_options);

const cli_option cli_id_options[] = {
    {CLI_OPT_KEY, 'k', "key", CLI_WORD, "FILE", 0, 0, "the key (~/.config/p2p/key.pem)"},
    {CLI_OPT_FROM_GO_P2P, 0, "from-go-p2p", CLI_WORD, "FILE", 0, 0,
     "a private key in the form of go-p2p instead"},
    {CLI_OPT_QUIC, 'q', "quic", CLI_FLAG, NULL, 0, 0, "print the id that QUIC swarms use"},
    {CLI_OPT_PUBLIC, 'p', "public", CLI_FLAG, NULL, 0, 0, "print the public key, in PEM"},
    {CLI_OPT_JSON, 'j', "json", CLI_FLAG, NULL, 0, 0, JSON_HELP},
    {CLI_OPT_HELP, 'h', "help", CLI_FLAG, NULL, 0, 0, HELP_HELP},
};
const size_t cli_n_id_options = COUNT_OF(cli_id_options);

const cli_option cli_plain_options[] = {
    {CLI_OPT_JSON, 'j', "json", CLI_FLAG, NULL, 0, 0, JSON_HELP},
    {CLI_OPT_HELP, 'h', "help", CLI_FLAG, NULL, 0, 0, HELP_HELP},
};
const size_t cli_n_plain_options = COUNT_OF(cli_plain_options);

const cli_option cli_help_options[] = {
    {CLI_OPT_HELP, 'h', "help", CLI_FLAG, NULL, 0, 0, HELP_HELP},
};
const size_t cli_n_help_options = COUNT_OF(cli_help_options);
