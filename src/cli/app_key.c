/* SPDX-License-Identifier: MIT */
/* The key of a node: that of --key, of the default file, or one for this time only. */
#include <stdio.h>
#include <string.h>

#include "cli/app.h"

bool cli_key_is_usable(const cli_spec *spec, const cli_config *config,
                       char error[CLI_STACK_ERROR_SIZE])
{
    const char *option = config->key ? "--key" : config->n_allows ? "--allow" : NULL;
    if (!option || cli_spec_has_keys(spec))
        return true;
    (void)snprintf(error, CLI_STACK_ERROR_SIZE, "%s:// has no keys, so %s means nothing to it%s",
                   spec->scheme, option,
                   strcmp(spec->scheme, "udp") == 0 ? "; write pke+udp://" : "");
    return false;
}

void cli_warn_key(const cli_config *config, const cli_key *key, const char *path)
{
    if (key->warnings & P2P_KEY_FILE_LOOSE)
        cli_warn(config,
                 "the key in %s is no secret, for other users may read or write it: chmod 600",
                 path);
    if (key->warnings & P2P_KEY_FILE_FOREIGN)
        cli_warn(config, "the key file %s belongs to another user", path);
}

static bool make_ephemeral(cli_app *app)
{
    uint8_t seed[P2P_ED25519_SEED_SIZE];
    char id[P2P_PEER_ID_TEXT_LEN + 1];
    int err = p2p_loop_secret(app->loop, seed, sizeof seed);
    if (!err)
        err = cli_key_from_seed(&app->key, seed);
    cli_wipe(seed, sizeof seed);
    if (err) {
        cli_fail(app, CLI_EXIT_FAILURE, err, "cannot make a key: %s", p2p_err_text(err));
        return false;
    }
    app->key_is_temporary = true;
    p2p_peer_id_text(app->key.id, id);
    /* Others are to find a listener again; of who only sends nobody keeps the id. */
    if (app->command->run == cli_listen || app->config->verbose)
        cli_note(app,
                 "there is no key file, so this node is %s this time only; p2p keygen makes a "
                 "lasting key",
                 id);
    return true;
}

bool cli_app_key(cli_app *app)
{
    char found[CLI_PATH_SIZE], why[CLI_KEY_ERROR_SIZE];
    const char *path = app->config->key;
    if (app->key.signer)
        return true;
    if (!path && cli_key_default_path(found))
        path = found;
    int err = path ? cli_key_read(&app->key, path, false, why) : P2P_ERR_NOT_FOUND;
    if (!err)
        cli_warn_key(app->config, &app->key, path);
    else if (err == P2P_ERR_NOT_FOUND && !app->config->key)
        return make_ephemeral(app);
    else
        cli_fail(app, CLI_EXIT_FAILURE, err, "cannot use the key in %s: %s%s", path, why,
                 err == P2P_ERR_NOT_FOUND ? "; p2p keygen --out makes one" : "");
    return !err;
}
