/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTS_CHECK_H
#define P2P_TESTS_CHECK_H

/* cmocka, and what it wants to be included before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A call that must succeed. */
#define assert_ok(call) assert_int_equal((call), 0)

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

#endif
