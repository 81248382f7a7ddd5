/* SPDX-License-Identifier: MIT */
#include <p2p/err.h>

const char *p2p_err_name(int err)
{
    switch (err) {
    case P2P_OK:
        return "P2P_OK";
#define CASE(name, code, text)                                                                     \
    case code:                                                                                     \
        return "P2P_ERR_" #name;
        P2P_ERR_LIST(CASE)
#undef CASE
    default:
        return "P2P_ERR_UNKNOWN";
    }
}

const char *p2p_err_text(int err)
{
    switch (err) {
    case P2P_OK:
        return "success";
#define CASE(name, code, text)                                                                     \
    case code:                                                                                     \
        return text;
        P2P_ERR_LIST(CASE)
#undef CASE
    default:
        return "unknown error";
    }
}
