/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTS_PLANTED_SWARM_H
#define P2P_TESTS_PLANTED_SWARM_H

/*
 * A small swarm with tells, asks and keys, over a table in the process, that can be made to break
 * the contract in many ways: who checks the checkers. Without a bug it keeps the contract.
 */
#include <p2p/testing.h>

/* X(name, the check that must find it, what goes wrong) */
#define PLANTED_BUGS(X)                                                                      \
    X(TELL_SYNC, "tell.pair", "delivers from inside p2p_tell()")                             \
    X(TELL_LOSES_EMPTY, "tell.empty", "drops empty messages")                                \
    X(TELL_EMPTY_NULL, "tell.empty", "gives an empty message without data")                  \
    X(TELL_MTU_LOST, "tell.mtu", "drops messages of exactly the MTU")                        \
    X(TELL_MTU_CUT, "tell.mtu", "cuts the last byte of messages of exactly the MTU")         \
    X(TELL_TRUNCATES, "tell.sizes", "cuts messages after 1000 bytes")                        \
    X(TELL_WRONG_DST, "tell.pair", "names the sender as dst")                                \
    X(TELL_WRONG_SRC, "tell.src", "names somebody else as src")                              \
    X(TELL_SRC_SELF, "tell.pair", "names the receiver as src")                               \
    X(TELL_KEEPS_POINTER, "tell.reuse", "keeps the caller's memory instead of a copy")       \
    X(TELL_FIRST_PIECE, "tell.gather", "sends only the first piece that is not empty")       \
    X(TELL_TWICE, "tell.pair", "delivers every message twice")                               \
    X(TELL_SHARES, "tell.modify", "delivers equal payloads from one buffer")                 \
    X(TELL_REORDERS, "tell.order", "delivers the messages of a turn backwards")              \
    X(TELL_LOSES_SOME, "tell.interleaved", "drops every 30th message")                       \
    X(TELL_NOT_FROM_CALLBACKS, "tell.src", "drops what is told from inside a callback")      \
    X(TELL_SECOND_RECEIVER, "tell.replace", "keeps the receiver that was set first")         \
    X(TELL_UNHANDLED, "tell.unhandled", "does not count messages without a receiver")        \
    X(TELL_LEAKS, "tell.unhandled", "does not free messages without a receiver")             \
    X(RESERVE_LOST, "reserve.tell", "does not send what was committed")                      \
    X(RESERVE_SENDS, "reserve.void", "sends what was not committed")                         \
    X(RESERVE_STAYS, "reserve.void", "keeps a reservation through other calls")              \
    X(RESERVE_ANY_LEN, "reserve.wrong_len", "commits any length")                            \
    X(BAD_ADDR_TAKEN, "tell.bad_addr", "takes messages to addresses of any kind")            \
    X(BAD_ADDR_CODE, "tell.bad_addr", "says unreachable to an address of another kind")      \
    X(KIND_EMPTY, "life.kind", "has no kind")                                                \
    X(NO_ASKS, "life.claims", "has no asks")                                                 \
    X(ADDR_NONE, "addr.local", "has no address")                                             \
    X(ADDR_SPACE, "addr.space", "says 0 when there is no space for all addresses")           \
    X(ADDR_TEXT, "addr.text", "reads an address as another")                                 \
    X(ADDR_JUNK, "addr.junk", "reads addresses with junk behind them")                       \
    X(AGAIN_NEVER, "again.once", "has no writable event")                                    \
    X(AGAIN_TWICE, "again.once", "has two writable events")                                  \
    X(AGAIN_ALWAYS, "again.not_asked_for", "has writable events nobody asked for")           \
    X(AGAIN_EARLY, "again.room", "has the writable event while the queue is full")           \
    X(AGAIN_TAKES, "again.counted", "says again, but sends all the same")                    \
    X(ASK_SYNC, "end.nobody", "answers from inside p2p_ask()")                               \
    X(ASK_TWICE, "ask.ping", "answers twice")                                                \
    X(ASK_HANDLER_TWICE, "ask.ping", "runs the handler twice")                               \
    X(ASK_WRONG_DST, "ask.ping", "names the asker as dst")                                   \
    X(ASK_WRONG_SRC, "ask.src", "names somebody else as the asker")                          \
    X(ASK_ANSWER_NULL, "ask.empty", "gives an empty response without data")                  \
    X(ASK_SWAPS, "ask.order", "gives responses to the oldest ask")                           \
    X(ASK_IDS, "ask.ids", "uses ids again")                                                  \
    X(ASK_HOLD, "ask.hold", "forgets held requests")                                         \
    X(ASK_KEEPS_POINTER, "ask.buffers", "keeps the asker's memory instead of a copy")        \
    X(ASK_TIMEOUT_EARLY, "end.timeout", "times out after half the time")                     \
    X(ASK_TIMEOUT_NEVER, "end.timeout", "never times out")                                   \
    X(ASK_EXPIRES_NEVER, "end.expired", "keeps requests whose asker is gone")                \
    X(ASK_CODE_LOST, "end.refused", "refuses with 255 always")                               \
    X(ASK_REFUSAL_LOST, "end.refused", "drops refusals")                                     \
    X(ASK_UNANSWERED, "end.dropped", "leaves requests open that the handler did not answer") \
    X(ASK_NO_HANDLER, "end.no_handler", "refuses where there is no handler")                 \
    X(ASK_CANCEL, "end.cancel", "answers cancelled asks")                                    \
    X(ASK_CANCEL_ALL, "end.cancel_unknown", "cancels asks that are over")                    \
    X(ASK_LATE, "end.cancel", "does not count late responses")                               \
    X(ASK_REPLY_TWICE, "edge.reply_twice", "takes a second reply")                           \
    X(ASK_REPLY_BIG, "edge.response_mtu", "takes responses above the MTU")                   \
    X(ASK_REPLY_BIG_CLOSES, "edge.response_mtu", "closes a request after a reply too big")   \
    X(ASK_STALE, "edge.stale_many", "answers a new request with an old one")                 \
    X(ASK_RUNS_ON_LOSS_TWICE, "loss.ask", "repeats requests where messages are lost")        \
    X(LOSS_ALTERS, "loss.tell", "alters messages where others are lost")                     \
    X(LOSS_STAYS, "loss.heals", "loses for ever what it began to lose")                      \
    X(KEY_EMPTY, "key.own", "has an empty key")                                              \
    X(KEY_SAME, "key.own", "has one key for all nodes")                                      \
    X(KEY_NOT_DER, "key.der", "has keys that are not DER")                                   \
    X(KEY_SPACE, "key.space", "does not say how much space a key needs")                     \
    X(KEY_MISSING, "key.in_tell", "does not know the sender's key in a callback")            \
    X(KEY_WRONG, "key.in_ask", "takes its own key for the sender's")                         \
    X(KEY_BAD_ADDR, "key.bad_addr", "does not know the key of an address of another kind")   \
    X(LOOKUP_SYNC, "key.lookup", "calls back from inside p2p_lookup_key()")                  \
    X(LOOKUP_TWICE, "key.lookup", "calls back twice")                                        \
    X(LOOKUP_WRONG, "key.lookup", "finds the key of another node")                           \
    X(LOOKUP_NEVER, "key.lookup_nobody", "does not call back if there is no key")            \
    X(LOOKUP_CLOSE, "key.lookup_close", "forgets look-ups when it closes")                   \
    X(CLOSE_NEVER, "close.idle", "has no close callback")                                    \
    X(CLOSE_TWICE, "close.idle", "has two close callbacks")                                  \
    X(CLOSE_SYNC, "close.idle", "has its close callback inside p2p_close()")                 \
    X(CLOSE_DELIVERS, "close.in_flight", "delivers tells after p2p_close()")                 \
    X(CLOSE_DROPS, "close.unsent", "drops what is under way when it closes")                 \
    X(UNSENT_STAYS, "close.unsent", "always has an unsent message")                          \
    X(CLOSE_FORGETS_ASKS, "close.asker", "forgets pending asks when it closes")              \
    X(CLOSE_STATUS, "close.asker", "ends pending asks with timeouts when it closes")         \
    X(CLOSE_ASK_SYNC, "close.asker_at_once", "ends pending asks inside p2p_close()")         \
    X(CLOSE_LEAKS, "life.bare", "does not free itself")                                      \
    X(STATS_TX, "stats.tell", "does not count what is sent")                                 \
    X(STATS_RX, "stats.tell", "does not count the bytes received")                           \
    X(STATS_REFUSED, "stats.refused", "does not count what is refused")                      \
    X(STATS_SERVED, "stats.ask", "does not count what is served")                            \
    X(STATS_SHRINK, "stats.grow", "forgets its counters now and then")

typedef enum planted_bug {
    PLANTED_NONE = 0,
#define PLANTED_ENUM(name, check, text) PLANTED_##name,
    PLANTED_BUGS(PLANTED_ENUM)
#undef PLANTED_ENUM
        PLANTED_COUNT
} planted_bug;

/* For people: the bug's name, the check that must find it, and what goes wrong. */
const char *planted_name(planted_bug bug);
const char *planted_check(planted_bug bug);
const char *planted_text(planted_bug bug);

/* Networks of planted swarms, on the simulated loop. */
typedef struct planted_bed {
    planted_bug bug;
    struct planted_net *net; /* of the network that is up */
} planted_bed;

/* The testbed, which must not outlive `bed`. */
p2p_testbed planted_testbed(planted_bed *bed);

#endif
