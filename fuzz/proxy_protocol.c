/* The PROXY protocol: no bytes do harm, and when they arrive one by one the answer is the same. */
#include "net/proxy_protocol.h"

#include <errno.h>

#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct proxy_preface preface;
    struct proxy_preface again;
    char text[NET_ADDRESS_TEXT_MAX];
    char other[NET_ADDRESS_TEXT_MAX];
    int64_t n = proxy_protocol_parse(data, len, &preface);
    must(n == -EPROTO || (n >= 0 && (size_t)n <= len && n <= PROXY_PROTOCOL_MAX));
    int64_t part = 0;
    size_t cut = 0;
    while (part == 0 && cut < len) {
        cut++;
        uint8_t *copy = malloc(cut); /* a read past its end is seen */
        must(copy != NULL);
        memcpy(copy, data, cut);
        part = proxy_protocol_parse(copy, cut, &again);
        free(copy);
    }
    must(part == n && (n <= 0 || cut == (size_t)n));
    if (n > 0 && preface.has_addresses) {
        must(preface.source.u.any.sa_family == preface.destination.u.any.sa_family);
        must(strcmp(net_address_print(&preface.source, text),
                    net_address_print(&again.source, other)) == 0);
        must(text[0] != '\0');
    }
    must(n != 0 || len < PROXY_PROTOCOL_MAX);
    return 0;
}
