/* SPDX-License-Identifier: MIT */
#include <p2p/version.h>

const char *p2p_version(void)
{
    return P2P_VERSION;
}
