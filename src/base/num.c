/* Parsing of numbers, sizes and time spans. See num.h. */
#include "base/num.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/container.h"

/* Read digits from *text on, leaving *text behind them. */
static int parse_digits(const char **text, uint64_t max, uint64_t *ret_value)
{
    const char *p = *text;
    if (!isdigit((unsigned char)*p)) {
        return -EINVAL;
    }
    uint64_t value = 0;
    for (; isdigit((unsigned char)*p); p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (value > (max - digit) / 10 || digit > max) {
            return -ERANGE;
        }
        value = value * 10 + digit;
    }
    *text = p;
    *ret_value = value;
    return 0;
}

int num_parse_u64(const char *text, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    int r = parse_digits(&text, max, &value);
    if (r < 0) {
        return r;
    }
    if (*text != '\0') {
        return -EINVAL;
    }
    *ret_value = value;
    return 0;
}

int num_parse_size(const char *text, uint64_t *ret_bytes)
{
    static const struct {
        const char *suffix;
        unsigned shift;
    } units[] = {
        {"", 0},    {"b", 0},    {"k", 10}, {"kb", 10}, {"kib", 10}, {"m", 20},
        {"mb", 20}, {"mib", 20}, {"g", 30}, {"gb", 30}, {"gib", 30},
    };
    uint64_t value = 0;
    int r = parse_digits(&text, UINT64_MAX, &value);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (strcasecmp(text, units[i].suffix) != 0) {
            continue;
        }
        if (value > UINT64_MAX >> units[i].shift) {
            return -ERANGE;
        }
        *ret_bytes = value << units[i].shift;
        return 0;
    }
    return -EINVAL;
}

/* Read an optional fraction ".ddd" as billionths; more than nine digits are read and dropped. */
static int parse_fraction(const char **text, uint64_t *ret_billionths)
{
    *ret_billionths = 0;
    if (**text != '.') {
        return 0;
    }
    const char *p = *text + 1;
    if (!isdigit((unsigned char)*p)) {
        return -EINVAL;
    }
    uint64_t scale = 100000000;
    for (; isdigit((unsigned char)*p); p++) {
        *ret_billionths += (uint64_t)(*p - '0') * scale;
        scale /= 10;
    }
    *text = p;
    return 0;
}

int num_parse_duration(const char *text, uint64_t *ret_ns)
{
    static const struct {
        const char *suffix;
        uint64_t ns;
    } units[] = {
        {"", 1000000000}, {"s", 1000000000},  {"ms", 1000000},
        {"us", 1000},     {"m", 60000000000}, {"h", 3600000000000},
    };
    uint64_t whole = 0;
    uint64_t billionths = 0;
    int r = parse_digits(&text, UINT64_MAX, &whole);
    if (r < 0) {
        return r;
    }
    r = parse_fraction(&text, &billionths);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (strcmp(text, units[i].suffix) != 0) {
            continue;
        }
        if (whole >= UINT64_MAX / units[i].ns) {
            return -ERANGE;
        }
        *ret_ns = whole * units[i].ns + units[i].ns / 1000 * billionths / 1000000;
        return 0;
    }
    return -EINVAL;
}
