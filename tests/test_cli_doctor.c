/* SPDX-License-Identifier: MIT */
/*
 * What p2p doctor finds out about peers that cannot be made with the program alone: one that asks
 * for cookies, one that remembers a later date, one that answers with another key. The peer is a
 * thread with a socket and one channel.
 */
#include "cli/doctor_net.c"
#include "cli/doctor_pke.c"
#include "cli/doctor_steps.c"
#include "cli/keys.c"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/random.h>

#include <cmocka.h>

/* --- what the steps tell --- */

static char told[8192];

void doctor_tell(doctor *self, const doctor_finding *finding)
{
    static const char *const states[] = {"ok", "failed", "unknown"};
    size_t len = strlen(told);
    (void)self;
    (void)snprintf(told + len, sizeof told - len, "%s %s: %s\n", finding->step,
                   states[finding->state], finding->text);
}

static void assert_told(const char *expected)
{
    if (!strstr(told, expected))
        fail_msg("not told: %s, but\n%s", expected, told);
}

/* --- the peer --- */

typedef struct responder {
    pthread_t thread;
    int fd;
    int wake[2];
    bool wants_cookies;
    cli_key key;
    p2p_addr addr;
} responder;

static int draw_random(void *arg, void *out, size_t len)
{
    (void)arg;
    return getrandom(out, len, 0) == (ssize_t)len ? 0 : P2P_ERR_IO;
}

static p2p_pke_verdict ask_cookie(void *arg, const p2p_pke_request *request)
{
    const responder *self = arg;
    return self->wants_cookies && !request->proven ? P2P_PKE_PROVE : P2P_PKE_ADMIT;
}

static void send_all_due(responder *self, p2p_pke_channel *channel, const any_addr *to,
                         socklen_t to_len)
{
    uint8_t out[2048];
    size_t len = 0;
    p2p_pke_time time = {doctor_now(), doctor_wall()};
    while (!p2p_pke_channel_poll(channel, time, out, sizeof out, &len) && len)
        (void)!sendto(self->fd, out, len, 0, &to->any, to_len);
}

/* Takes one datagram, and sends a message straight back. */
static void respond(responder *self, p2p_pke_channel *channel)
{
    uint8_t data[65536], answer[P2P_PKE_MAX_HANDSHAKE], out[65536];
    p2p_pke_result result = {0};
    p2p_pke_time time = {doctor_now(), doctor_wall()};
    any_addr from;
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(self->fd, data, sizeof data, 0, &from.any, &from_len);
    if (n < 0)
        return;
    (void)!p2p_pke_channel_receive(channel, time, data, (size_t)n, answer, &result);
    if (result.answer_len)
        (void)!sendto(self->fd, answer, result.answer_len, 0, &from.any, from_len);
    send_all_due(self, channel, &from, from_len);
    if (result.delivered) {
        const p2p_iov iov = {result.data, result.len};
        size_t len = 0;
        if (!p2p_pke_channel_send(channel, time, &iov, 1, out, sizeof out, &len) && len)
            (void)!sendto(self->fd, out, len, 0, &from.any, from_len);
    }
}

static void *run(void *arg)
{
    responder *self = arg;
    p2p_pke_endpoint *endpoint = NULL;
    p2p_pke_channel *channel = NULL;
    p2p_pke_config config;
    p2p_pke_config_init(&config);
    config.signer = self->key.signer;
    config.random = draw_random;
    config.admit = ask_cookie;
    config.arg = self;
    if (p2p_pke_endpoint_new(&endpoint, &config) ||
        p2p_pke_channel_new(&channel, endpoint, self, "peer", 4))
        abort();
    struct pollfd pollers[] = {{.fd = self->fd, .events = POLLIN},
                               {.fd = self->wake[0], .events = POLLIN}};
    while (poll(pollers, 2, -1) >= 0 && !pollers[1].revents)
        respond(self, channel);
    p2p_pke_channel_free(channel);
    p2p_pke_endpoint_free(endpoint);
    return NULL;
}

static void start_responder(responder *self, uint8_t seed_byte, bool wants_cookies)
{
    uint8_t seed[P2P_ED25519_SEED_SIZE];
    char text[P2P_ADDR_TEXT_SIZE];
    any_addr local = {.v4 = {.sin_family = AF_INET}};
    socklen_t len = sizeof local;
    memset(self, 0, sizeof *self);
    memset(seed, seed_byte, sizeof seed);
    self->wants_cookies = wants_cookies;
    assert_int_equal(cli_key_from_seed(&self->key, seed), 0);
    local.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self->fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(self->fd >= 0 && bind(self->fd, &local.any, sizeof local.v4) == 0);
    assert_int_equal(getsockname(self->fd, &local.any, &len), 0);
    from_system(&local, text);
    assert_int_equal(p2p_addr_parse(text, &self->addr), 0);
    assert_int_equal(pipe(self->wake), 0);
    assert_int_equal(pthread_create(&self->thread, NULL, run, self), 0);
}

static void stop_responder(responder *self)
{
    assert_int_equal(write(self->wake[1], "", 1), 1);
    assert_int_equal(pthread_join(self->thread, NULL), 0);
    close(self->fd);
    close(self->wake[0]);
    close(self->wake[1]);
    cli_key_free(&self->key);
}

/* --- the doctor --- */

static cli_config config;

static void start_doctor(doctor *self, const responder *other)
{
    uint8_t seed[P2P_ED25519_SEED_SIZE] = {1};
    memset(self, 0, sizeof *self);
    told[0] = '\0';
    self->app.config = &config;
    self->place = other->addr;
    self->timeout = 10 * P2P_SECOND;
    memcpy(self->id, other->key.id, sizeof self->id);
    assert_int_equal(cli_key_from_seed(&self->app.key, seed), 0);
    assert_int_equal(p2p_loop_new(&self->app.loop, NULL), 0);
    assert_int_equal(doctor_net_open(&self->net, &self->place, NULL), 0);
}

static void stop_doctor(doctor *self, doctor_peer *peer)
{
    doctor_pke_free(peer);
    doctor_net_close(&self->net);
    cli_key_free(&self->app.key);
    assert_int_equal(p2p_loop_free(self->app.loop), 0);
}

static void test_well(void **state)
{
    responder other;
    doctor self;
    doctor_peer peer;
    uint64_t took = 0;
    (void)state;
    start_responder(&other, 9, false);
    start_doctor(&self, &other);
    assert_int_equal(doctor_examine_peer(&self, &peer), CLI_EXIT_OK);
    assert_true(peer.result.complete && !peer.result.cookie && self.reached);
    assert_told("port ok");
    assert_told("handshake ok: answered after ");
    assert_told("clock ok");
    assert_int_equal(doctor_echo(&self, &peer, 16, &took), 0);
    assert_int_equal(doctor_echo(&self, &peer, 60000, &took), 0);
    assert_int_equal(doctor_echo(&self, &peer, 65507, &took), EMSGSIZE);
    config.echo = true;
    doctor_examine_sizes(&self, &peer);
    config.echo = false;
    assert_told("sizes ok: messages of ");
    stop_doctor(&self, &peer);
    stop_responder(&other);
}

static void test_cookie(void **state)
{
    responder other;
    doctor self;
    doctor_peer peer;
    (void)state;
    start_responder(&other, 9, true);
    start_doctor(&self, &other);
    assert_int_equal(doctor_examine_peer(&self, &peer), CLI_EXIT_OK);
    assert_true(peer.result.cookie);
    assert_told("the peer is busy, for it asked to prove this address");
    stop_doctor(&self, &peer);
    stop_responder(&other);
}

static void test_wrong_key(void **state)
{
    responder other;
    doctor self;
    doctor_peer peer;
    (void)state;
    start_responder(&other, 9, false);
    start_doctor(&self, &other);
    self.id[0] ^= 1;
    assert_int_equal(doctor_examine_peer(&self, &peer), CLI_EXIT_REFUSED);
    assert_true(peer.result.answered && !peer.result.complete);
    assert_memory_equal(peer.result.id, other.key.id, sizeof other.key.id);
    assert_told("peer failed: who answers says it is ");
    stop_doctor(&self, &peer);
    stop_responder(&other);
}

/* A handshake that was dated a day later is remembered, so that of today is refused; the one that
 * finds that out is not remembered. */
static void test_clock(void **state)
{
    const uint64_t day = UINT64_C(24) * 3600 * P2P_SECOND;
    responder other;
    doctor self;
    doctor_peer peer;
    (void)state;
    start_responder(&other, 9, false);
    start_doctor(&self, &other);
    doctor_pke_shake(&peer, &self, day, false, doctor_now() + self.timeout);
    assert_true(peer.result.complete);
    doctor_pke_free(&peer);
    self.timeout = 300 * P2P_MILLISECOND;
    assert_int_equal(doctor_examine_peer(&self, &peer), CLI_EXIT_NO_ANSWER);
    assert_told("handshake failed: ");
    assert_told("clock failed: a handshake that is dated a day later is answered");
    doctor_pke_free(&peer);
    doctor_pke_shake(&peer, &self, 2 * day, false, doctor_now() + 10 * P2P_SECOND);
    assert_true(peer.result.complete);
    stop_doctor(&self, &peer);
    stop_responder(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well),
        cmocka_unit_test(test_cookie),
        cmocka_unit_test(test_wrong_key),
        cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
