/* The configuration of the 12-parameter `req`, a MessagePack of
 *
 *     identity?, accept_invalid_hostnames, accept_invalid_certificates, extra_root_certificates
 *
 * as an array or as a map. All of these are the operator's to decide, so the only question is
 * whether the guest asks for anything: whether each value is nil, false or empty. */
#include "imports/wasi_experimental_http/http.h"

/* First bytes of MessagePack. */
enum {
    MP_FIXMAP = 0x80,
    MP_FIXARRAY = 0x90,
    MP_FIXSTR = 0xa0,
    MP_NIL = 0xc0,
    MP_FALSE = 0xc2,
    MP_STR8 = 0xd9,
    MP_ARRAY16 = 0xdc,
    MP_ARRAY32 = 0xdd,
    MP_MAP16 = 0xde,
    FIX_MASK = 0xf0,
    FIXSTR_MASK = 0xe0,
};

static bool take(struct span *text, size_t len, struct span *ret_bytes)
{
    if (len > text->len) {
        return false;
    }
    *ret_bytes = (struct span){text->data, len};
    text->data += len;
    text->len -= len;
    return true;
}

static bool take_byte(struct span *text, uint8_t *ret_byte)
{
    struct span one;
    if (!take(text, 1, &one)) {
        return false;
    }
    *ret_byte = one.data[0];
    return true;
}

/* Skip a key: a short string. */
static bool skip_key(struct span *text)
{
    uint8_t lead = 0;
    struct span key;
    if (!take_byte(text, &lead)) {
        return false;
    }
    if ((lead & FIXSTR_MASK) == MP_FIXSTR) {
        return take(text, lead & ~(unsigned)FIXSTR_MASK, &key);
    }
    uint8_t len = 0;
    return lead == MP_STR8 && take_byte(text, &len) && take(text, len, &key);
}

/* Skip a value that asks for nothing. */
static bool skip_plain(struct span *text)
{
    uint8_t lead = 0;
    struct span len;
    if (!take_byte(text, &lead)) {
        return false;
    }
    switch (lead) {
    case MP_NIL:
    case MP_FALSE:
    case MP_FIXMAP:
    case MP_FIXARRAY:
        return true;
    case MP_ARRAY16:
    case MP_MAP16:
        return take(text, 2, &len) && len.data[0] == 0 && len.data[1] == 0;
    case MP_ARRAY32:
        return take(text, 4, &len) && load_u32(len.data) == 0;
    default:
        return false;
    }
}

bool ehttp_tls_config_is_plain(struct span config)
{
    uint8_t lead = 0;
    if (!take_byte(&config, &lead) || lead == MP_NIL) {
        return config.len == 0;
    }
    bool is_map = (lead & FIX_MASK) == MP_FIXMAP;
    if (!is_map && (lead & FIX_MASK) != MP_FIXARRAY) {
        return false;
    }
    for (unsigned left = lead & ~(unsigned)FIX_MASK; left > 0; left--) {
        if ((is_map && !skip_key(&config)) || !skip_plain(&config)) {
            return false;
        }
    }
    return config.len == 0;
}
