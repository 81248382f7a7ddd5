/* SPDX-License-Identifier: MIT */
#include "format/cert_time.h"

#include <p2p/err.h>

#define DAY INT64_C(86400)

/* 1950-01-01T00:00:00Z, 2050-01-01T00:00:00Z and 9999-12-31T23:59:59Z. */
#define FIRST_TIME        INT64_C(-631152000)
#define FIRST_GENERALIZED INT64_C(2524608000)
#define LAST_TIME         INT64_C(253402300799)

/* Days from 1970-01-01 to the first of January of a year, from 1950 on (Gregorian calendar). */
static int64_t days_before_year(int year)
{
    int64_t y = year - 1;
    return 365 * ((int64_t)year - 1970) + (y / 4 - y / 100 + y / 400) - (1969 / 4 - 19 + 4);
}

static int days_in_month(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

int p2p__cert_time_ok(int64_t seconds)
{
    return seconds >= FIRST_TIME && seconds <= LAST_TIME;
}

static void put_decimal(uint8_t *out, int digits, int64_t value)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        out[i] = (uint8_t)('0' + value % 10);
}

void p2p__cert_time_put(p2p__der_out *out, int64_t seconds)
{
    /* Counted from 1950, so that divisions are of positive numbers; then from 1970. */
    int64_t day = (seconds - FIRST_TIME) / DAY;
    int64_t rest = (seconds - FIRST_TIME) % DAY;
    int year = 1950 + (int)(day / 366); /* or a later one */
    day += FIRST_TIME / DAY;
    while (days_before_year(year + 1) <= day)
        year++;
    day -= days_before_year(year);
    int month = 1;
    for (; day >= days_in_month(year, month); month++)
        day -= days_in_month(year, month);

    uint8_t text[15];
    put_decimal(text, 4, year);
    put_decimal(text + 4, 2, month);
    put_decimal(text + 6, 2, day + 1);
    put_decimal(text + 8, 2, rest / 3600);
    put_decimal(text + 10, 2, rest / 60 % 60);
    put_decimal(text + 12, 2, rest % 60);
    text[14] = 'Z';
    if (seconds < FIRST_GENERALIZED)
        p2p__der_element(out, P2P__DER_UTC_TIME, text + 2, 13);
    else
        p2p__der_element(out, P2P__DER_GENERALIZED_TIME, text, 15);
}

/* Two digits as a number, or -1. */
static int two_digits(const uint8_t *p)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return -1;
    return (p[0] - '0') * 10 + (p[1] - '0');
}

/* Reads "MMDDHHMMSSZ" of a year. */
static int read_in_year(int year, const uint8_t *p, int64_t *seconds)
{
    int field[5];
    for (size_t i = 0; i < 5; i++) {
        field[i] = two_digits(p + 2 * i);
        if (field[i] < 0)
            return P2P_ERR_MALFORMED;
    }
    int month = field[0], day = field[1];
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || field[2] > 23 ||
        field[3] > 59 || field[4] > 59 || p[10] != 'Z')
        return P2P_ERR_MALFORMED;
    int64_t days = days_before_year(year) + day - 1;
    for (int m = 1; m < month; m++)
        days += days_in_month(year, m);
    *seconds = days * DAY + (int64_t)field[2] * 3600 + (int64_t)field[3] * 60 + field[4];
    return 0;
}

int p2p__cert_time_read(p2p__bytes *in, int64_t *seconds)
{
    p2p__bytes rest = *in, text;
    int64_t value;
    int year = -1;
    if (!p2p__der_get(&rest, P2P__DER_UTC_TIME, &text, NULL) && text.len == 13) {
        year = two_digits(text.p);
        if (year >= 0)
            year += year < 50 ? 2000 : 1900;
    } else if (!p2p__der_get(&rest, P2P__DER_GENERALIZED_TIME, &text, NULL) && text.len == 15) {
        int century = two_digits(text.p), years = two_digits(text.p + 2);
        /* Earlier years have to be UTCTime. */
        if (century >= 0 && years >= 0 && century * 100 + years >= 2050)
            year = century * 100 + years;
    }
    if (year < 0 || read_in_year(year, text.p + (text.len - 11), &value))
        return P2P_ERR_MALFORMED;
    *in = rest;
    *seconds = value;
    return 0;
}
