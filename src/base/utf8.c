/* See utf8.h. */
#include "base/utf8.h"

/* Bytes of the sequence that `lead` begins and the least value it may have; 0: none begins so. */
static size_t sequence_len(uint8_t lead, uint32_t *ret_least)
{
    if (lead < 0x80) {
        *ret_least = 0;
        return 1;
    }
    if (lead >= 0xc2 && lead < 0xe0) {
        *ret_least = 0x80;
        return 2;
    }
    if (lead >= 0xe0 && lead < 0xf0) {
        *ret_least = 0x800;
        return 3;
    }
    *ret_least = 0x10000;
    return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

bool utf8_is_valid(struct span text)
{
    for (size_t at = 0; at < text.len;) {
        uint8_t lead = text.data[at];
        uint32_t least = 0;
        size_t len = sequence_len(lead, &least);
        if (len == 0 || len > text.len - at) {
            return false;
        }
        uint32_t value = len == 1 ? lead : lead & (0xffU >> (len + 1));
        for (size_t i = 1; i < len; i++) {
            uint8_t next = text.data[at + i];
            if ((next & 0xc0) != 0x80) {
                return false;
            }
            value = value << 6 | (next & 0x3fU);
        }
        if (value < least || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
            return false;
        }
        at += len;
    }
    return true;
}
