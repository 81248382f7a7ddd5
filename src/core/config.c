/* SPDX-License-Identifier: MIT */
#include "core/config.h"

#include <string.h>

#include <p2p/err.h>

int p2p__config_copy(void *out, size_t size, const void *config)
{
    memset(out, 0, size);
    if (!config)
        return 0;
    size_t given;
    memcpy(&given, config, sizeof given);
    if (given < sizeof given || given > 65536)
        return P2P_ERR_INVALID;
    const unsigned char *bytes = config;
    for (size_t i = size; i < given; i++)
        if (bytes[i])
            return P2P_ERR_INVALID;
    memcpy(out, config, given < size ? given : size);
    return 0;
}
