#include "v2_common.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

bool v2_address_parse(const char *text, struct v2_storage *ret_storage)
{
    memset(ret_storage, 0, sizeof(*ret_storage));
    ret_storage->family = strchr(text, ':') != NULL ? V2_INET6 : V2_INET4;
    int family = ret_storage->family == V2_INET6 ? AF_INET6 : AF_INET;
    return inet_pton(family, text, ret_storage->octets) == 1;
}

void v2_address_print(const struct v2_storage *storage, uint32_t port, char text[V2_TEXT_LEN])
{
    char address[INET6_ADDRSTRLEN] = "";

    if (storage->family == V2_INET4) {
        inet_ntop(AF_INET, storage->octets, address, sizeof(address));
        snprintf(text, V2_TEXT_LEN, "%s:%u", address, (unsigned)port);
    } else if (storage->family == V2_INET6) {
        inet_ntop(AF_INET6, storage->octets, address, sizeof(address));
        snprintf(text, V2_TEXT_LEN, "[%s]:%u", address, (unsigned)port);
    } else {
        snprintf(text, V2_TEXT_LEN, "family %u", (unsigned)storage->family);
    }
}

int32_t v2_send_all(int32_t fd, const char *bytes, size_t len)
{
    while (len > 0) {
        struct v2_const_span span = {bytes, (uint32_t)len};
        uint32_t sent = 0;
        int32_t r = v2_send(fd, &span, 1, /*flags=*/0, &sent);
        if (r != 0) {
            return r;
        }
        bytes += sent;
        len -= sent;
    }
    return 0;
}
