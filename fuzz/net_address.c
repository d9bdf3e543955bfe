/* Addresses as people write them: what is taken prints as something that reads back the same. */
#include "net/address.h"

#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = {data, len};
    struct net_address address;
    struct net_address again;
    struct error err = {0};
    char print[NET_ADDRESS_TEXT_MAX];
    char *text = input_text(&in);
    if (text == NULL) {
        return 0;
    }
    memset(&address, 0xee, sizeof address);
    int r = net_address_parse(text, &address, &err);
    free(text);
    if (r < 0) {
        must(err.code == r && err.text[0] != '\0');
        return 0;
    }
    must(address.len <= sizeof address.u);
    must(strlen(net_address_print(&address, print)) < sizeof print);
    must(net_address_parse(print, &again, &err) == 0);
    if (address.u.any.sa_family != AF_UNIX) { /* there bytes that are no text print as '?' */
        must(again.len == address.len && memcmp(&again.u, &address.u, address.len) == 0);
    }
    net_address_unmap(&address);
    (void)net_address_port(&address);
    return 0;
}
