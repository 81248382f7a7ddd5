/* SPDX-License-Identifier: MIT */
/* p2p keygen and p2p id: keys in files, and the peer ids that they have. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/keys.h"

/* --- printing --- */

/* Adds the public key in PEM. */
static bool add_public_key(cli_text *text, const cli_key *key, bool json)
{
    char pem[1024 + 2 * P2P_KEY_MAX_DER];
    size_t len = 0;
    if (p2p_pem_write(P2P_PEM_PUBLIC_KEY, key->spki, key->spki_len, pem, sizeof pem, &len) != 0)
        return false;
    if (json)
        cli_json_text(text, "public_key", pem);
    else
        cli_text_add(text, pem, len);
    return true;
}

static void add_key(cli_text *text, const cli_key *key, const char *path, bool quic, bool json)
{
    char id[P2P_PEER_ID_TEXT_LEN + 1], quic_id[P2P_PEER_ID_TEXT_LEN + 1];
    p2p_peer_id_text(key->id, id);
    p2p_peer_id_text(key->quic_id, quic_id);
    if (!json) {
        cli_text_printf(text, "%s\n", quic ? quic_id : id);
        return;
    }
    cli_json_begin(text, "key");
    cli_json_text(text, "id", id);
    cli_json_text(text, "quic_id", quic_id);
    if (path)
        cli_json_text(text, "file", path);
    (void)add_public_key(text, key, true);
    cli_json_end(text);
}

/* The file that --key, --out or nothing means. Reports it if there is no place for a default. */
static const char *path_of(const cli_command *command, const cli_config *config, const char *given,
                           char found[CLI_PATH_SIZE])
{
    if (given)
        return given;
    if (cli_key_default_path(found))
        return found;
    cli_report(command, config, CLI_EXIT_FAILURE, 0,
               "there is no place for keys, as HOME is not set: name a file");
    return NULL;
}

/* --- p2p id --- */

cli_exit cli_show_id(const cli_command *command, const cli_config *config)
{
    char found[CLI_PATH_SIZE], why[CLI_KEY_ERROR_SIZE];
    cli_output out = {0};
    cli_key key = {0};
    bool go_p2p = config->from_go_p2p != NULL;
    const char *path = path_of(command, config, go_p2p ? config->from_go_p2p : config->key, found);
    if (!path)
        return CLI_EXIT_FAILURE;
    int err = cli_key_read(&key, path, go_p2p, why);
    if (err) {
        cli_report(command, config, CLI_EXIT_FAILURE, err, "cannot use the key in %s: %s%s", path,
                   why, err == P2P_ERR_NOT_FOUND ? "; p2p keygen makes one" : "");
        return CLI_EXIT_FAILURE;
    }
    cli_warn_key(config, &key, path);
    if (config->public_key && !config->json)
        (void)add_public_key(&out.text, &key, false);
    else
        add_key(&out.text, &key, path, config->quic, config->json);
    cli_key_free(&key);
    return cli_finish_output(command, config, &out);
}

/* --- p2p keygen --- */

/* Random bytes, or the key of --from-go-p2p. Reports what is wrong. */
static bool get_seed(const cli_command *command, const cli_config *config,
                     uint8_t seed[P2P_ED25519_SEED_SIZE])
{
    char why[CLI_KEY_ERROR_SIZE];
    p2p_loop *loop;
    if (config->from_go_p2p) {
        int err = cli_key_read_seed(seed, config->from_go_p2p, true, why);
        if (err)
            cli_report(command, config, CLI_EXIT_FAILURE, err, "cannot use the key in %s: %s",
                       config->from_go_p2p, why);
        return !err;
    }
    int err = p2p_loop_new(&loop, NULL);
    if (!err) {
        err = p2p_loop_secret(loop, seed, P2P_ED25519_SEED_SIZE);
        (void)!p2p_loop_free(loop);
    }
    if (err)
        cli_report(command, config, CLI_EXIT_FAILURE, err, "cannot make a key: %s",
                   p2p_err_text(err));
    return !err;
}

/* Makes the folders of the default file, for their owner alone. */
static void make_folders(const char *path)
{
    char folder[CLI_PATH_SIZE];
    size_t len = strlen(path);
    if (len >= sizeof folder)
        return;
    memcpy(folder, path, len + 1);
    for (char *at = folder + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(folder, 0700); /* what is wrong shows when the file is written */
        *at = '/';
    }
}

static bool is_folder(const char *path)
{
    struct stat info;
    size_t len = strlen(path);
    return (len && path[len - 1] == '/') || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

/* Why a file could not be written; number is the errno of the system. */
static const char *explain_write(int err, int number)
{
    switch (err) {
    case P2P_ERR_NOT_FOUND:
        return "there is no such folder";
    case P2P_ERR_IO:
        return strerror(number);
    default:
        return p2p_err_text(err);
    }
}

static cli_exit write_file(const cli_command *command, const cli_config *config, const char *path,
                           const char *data, size_t len)
{
    if (!config->out)
        make_folders(path);
    int err = p2p_key_file_write(path, data, len, config->force ? P2P_KEY_FILE_OVERWRITE : 0);
    int number = errno;
    if (err && is_folder(path))
        cli_report(command, config, CLI_EXIT_FAILURE, err,
                   "cannot write %s: it is a folder, and the key needs the name of a file", path);
    else if (err == P2P_ERR_IN_USE)
        cli_report(command, config, CLI_EXIT_FAILURE, err,
                   "there is a key in %s already, and it stays; p2p id prints its peer id, and "
                   "--force replaces it for good",
                   path);
    else if (err)
        cli_report(command, config, CLI_EXIT_FAILURE, err, "cannot write %s: %s", path,
                   explain_write(err, number));
    return err ? CLI_EXIT_FAILURE : CLI_EXIT_OK;
}

/* The private key itself, which whoever wrote --out - has asked for, and not the peer id. */
static cli_exit write_output(const cli_command *command, const cli_config *config, const char *data,
                             size_t len)
{
    while (len) {
        ssize_t n = write(STDOUT_FILENO, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            cli_report(command, config, CLI_EXIT_FAILURE, 0, "cannot write to standard output: %s",
                       strerror(errno));
            return CLI_EXIT_FAILURE;
        }
        data += n;
        len -= (size_t)n;
    }
    return CLI_EXIT_OK;
}

static cli_exit keep_key(const cli_command *command, const cli_config *config, cli_key_form form,
                         const uint8_t seed[P2P_ED25519_SEED_SIZE])
{
    char found[CLI_PATH_SIZE], data[512];
    cli_output out = {0};
    cli_key key = {0};
    size_t len = 0;
    bool to_output = config->out && strcmp(config->out, "-") == 0;
    const char *path = path_of(command, config, config->out, found);
    if (!path)
        return CLI_EXIT_FAILURE;
    cli_exit exit = CLI_EXIT_FAILURE;
    int err = cli_key_from_seed(&key, seed);
    if (!err)
        err = cli_key_encode(form, seed, data, sizeof data, &len);
    if (err)
        cli_report(command, config, exit, err, "cannot make a key: %s", p2p_err_text(err));
    else if (to_output)
        exit = write_output(command, config, data, len);
    else
        exit = write_file(command, config, path, data, len);
    cli_wipe(data, sizeof data);
    if (exit == CLI_EXIT_OK && !to_output) {
        add_key(&out.text, &key, path, false, config->json);
        exit = cli_finish_output(command, config, &out);
    }
    cli_key_free(&key);
    return exit;
}

cli_exit cli_keygen(const cli_command *command, const cli_config *config)
{
    uint8_t seed[P2P_ED25519_SEED_SIZE];
    cli_key_form form = CLI_KEY_PEM;
    if (config->format && !cli_key_form_read(config->format, &form))
        return cli_usage(command, config, "--format: \"%.64s\" is none of pem, der and go-p2p",
                         config->format);
    if (form == CLI_KEY_GO_P2P && !config->out)
        return cli_usage(command, config,
                         "--format go-p2p needs --out: p2p itself keeps its key in another form");
    if (config->json && config->out && strcmp(config->out, "-") == 0)
        return cli_usage(command, config, "--json and --out - exclude each other");
    cli_exit exit = CLI_EXIT_FAILURE;
    if (get_seed(command, config, seed))
        exit = keep_key(command, config, form, seed);
    cli_wipe(seed, sizeof seed);
    return exit;
}
