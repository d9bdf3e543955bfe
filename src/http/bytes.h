/* What each byte may be in HTTP: tables, since every byte of every request is looked up. */
#ifndef HYTHE_HTTP_BYTES_H
#define HYTHE_HTTP_BYTES_H

#include <stdint.h>

enum http_byte {
    HTTP_TOKEN = 1,  /* RFC 9110 section 5.6.2 */
    HTTP_VALUE = 2,  /* in a field value, blanks and tabs within */
    HTTP_TARGET = 4, /* in a request target: 0x21 to 0x7e without "#", "%" and "?" */
    HTTP_HOST = 8,   /* in a label of a host name: letters, digits, "-", "_", "~" */
    HTTP_HEX = 16,
    HTTP_DIGIT = 32,
};

extern const uint8_t http_bytes[256]; /* sets of enum http_byte */

extern const uint8_t http_lower[256]; /* bytes of a token in lower case; 0 for all others */

/* The first byte from `at` on that may not be in a field value, or `end`. */
const uint8_t *http_skip_value(const uint8_t *at, const uint8_t *end);

#endif
