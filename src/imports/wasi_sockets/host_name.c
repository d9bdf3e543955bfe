/* The form of names. See host_name.h; the rules are those that browsers have for hosts.
 *
 * A name that ends in a number is either an IPv4 address in its usual form or refused: resolvers
 * disagree about all other spellings, such as 0x7f.1. */
#include "imports/wasi_sockets/host_name.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "http/curl.h"

enum {
    LABEL_MAX = 63,
    INPUT_MAX = 1024,    /* bytes of UTF-8; the longest name is shorter */
    IDN_FLAGS = 1 | 8,   /* IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL */
    IDN_NO_MEMORY = -100 /* IDN2_MALLOC */
};

/* -- addresses -------------------------------------------------------------------------------- */

/* Is it an IP address? */
static bool read_address(const char *text, struct net_address *ret_address)
{
    uint8_t octets[16];
    if (inet_pton(AF_INET, text, octets) == 1) {
        net_address_set_v4(ret_address, octets, 0 /* port */);
        return true;
    }
    if (inet_pton(AF_INET6, text, octets) == 1) {
        net_address_set_v6(ret_address, octets, 0 /* port */);
        return true;
    }
    return false;
}

/* As read_address, of what stands in brackets. */
static int read_bracketed(char *text, struct net_address *ret_address)
{
    size_t len = strlen(text);
    if (text[len - 1] != ']') {
        return -EINVAL;
    }
    text[len - 1] = '\0';
    bool is_v6 = strchr(text, ':') != NULL;
    return is_v6 && read_address(text + 1, ret_address) ? 0 : -EINVAL;
}

/* -- names ------------------------------------------------------------------------------------ */

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text > '\x7f') {
            return false;
        }
    }
    return true;
}

static bool is_forbidden(char c)
{
    return c <= ' ' || c == '\x7f' || strchr("\"#%/:<>?@[\\]^`{|}", c) != NULL;
}

/* One label of ASCII. */
static bool is_label(const char *label, size_t len)
{
    if (len == 0 || len > LABEL_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (is_forbidden(label[i])) {
            return false;
        }
    }
    return true;
}

static bool is_number(const char *label, size_t len)
{
    size_t digits = strspn(label, "0123456789");
    if (digits >= len) {
        return true;
    }
    bool is_hex = len >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X');
    return is_hex && 2 + strspn(label + 2, "0123456789abcdefABCDEF") >= len;
}

/* Labels with dots between, and perhaps one behind the last, which is no number. */
static bool is_domain(const char *text)
{
    size_t left = strlen(text);
    left -= left > 0 && text[left - 1] == '.';
    if (left == 0 || left > HOST_NAME_MAX_LEN) {
        return false;
    }
    for (;;) {
        size_t len = strcspn(text, ".");
        if (!is_label(text, len)) {
            return false;
        }
        if (len >= left) {
            return !is_number(text, len);
        }
        text += len + 1;
        left -= len + 1;
        if (left == 0) {
            return false; /* a second dot at the end */
        }
    }
}

static int copy_domain(const char *text, struct host_name *ret_name)
{
    if (!is_domain(text)) {
        return -EINVAL;
    }
    (void)memcpy(ret_name->text, text, strlen(text) + 1); /* is_domain has looked at the length */
    return 0;
}

/* A name in ASCII, which may turn out to be an address: full-width digits become plain ones. */
static int judge(char *text, struct host_name *ret_name)
{
    if (text[0] == '[') {
        return read_bracketed(text, &ret_name->address);
    }
    return read_address(text, &ret_name->address) ? 0 : copy_domain(text, ret_name);
}

/* Through libidn2, which comes with libcurl. */
static int judge_unicode(const char *text, struct host_name *ret_name)
{
    struct curl_library curl;
    struct error err;
    uint8_t *ascii = NULL;
    if (curl_library_open(&curl, &err) < 0) {
        return -EOPNOTSUPP;
    }
    int r = -EOPNOTSUPP;
    if (curl.idn_lookup != NULL) {
        int status = curl.idn_lookup((const uint8_t *)text, &ascii, IDN_FLAGS);
        r = status == IDN_NO_MEMORY ? -ENOMEM : -EINVAL;
        if (status == 0) {
            r = judge((char *)ascii, ret_name);
            curl.idn_free(ascii);
        }
    }
    curl_library_close(&curl);
    return r;
}

int host_name_parse(struct span text, struct host_name *ret_name)
{
    char copy[INPUT_MAX + 1];
    if (text.len == 0 || text.len > INPUT_MAX || memchr(text.data, '\0', text.len) != NULL) {
        return -EINVAL;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    memset(ret_name, 0, sizeof *ret_name);
    return is_ascii(copy) ? judge(copy, ret_name) : judge_unicode(copy, ret_name);
}
