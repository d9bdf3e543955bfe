/* Addresses of the second generation as text and back, and sending all of a buffer. */
#ifndef HYTHE_GUEST_V2_COMMON_H
#define HYTHE_GUEST_V2_COMMON_H

#include "dialect_v2.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { V2_TEXT_LEN = 64 };

/* Takes IPv4 or IPv6 in the usual spelling. */
bool v2_address_parse(const char *text, struct v2_storage *ret_storage);

/* Writes "1.2.3.4:80", "[::1]:80" or "family N". */
void v2_address_print(const struct v2_storage *storage, uint32_t port, char text[V2_TEXT_LEN]);

/* Sends everything on a blocking socket; returns a WASI errno. */
int32_t v2_send_all(int32_t fd, const char *bytes, size_t len);

#endif
