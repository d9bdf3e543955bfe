/* Names with given addresses. See hosts.h. */
#include "net/hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ENTRIES_MAX = 1024 };

static size_t name_len(const char *name, size_t len)
{
    return len > 0 && name[len - 1] == '.' ? len - 1 : len;
}

static int parse_address(const char *text, struct net_address *ret_address)
{
    uint8_t octets[16];
    if (inet_pton(AF_INET, text, octets) == 1) {
        net_address_set_v4(ret_address, octets, 0);
        return 0;
    }
    char host[INET6_ADDRSTRLEN];
    size_t len = strlen(text);
    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len >= sizeof host) {
        return -EINVAL;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    if (inet_pton(AF_INET6, host, octets) != 1) {
        return -EINVAL;
    }
    net_address_set_v6(ret_address, octets, 0);
    return 0;
}

int hosts_add(struct hosts *hosts, const char *text, struct error *err)
{
    struct host_entry entry = {0};
    size_t key_len = strcspn(text, "=");
    size_t len = name_len(text, key_len);
    if (len == 0 || text[key_len] == '\0' ||
        parse_address(text + key_len + 1, &entry.address) < 0) {
        return error_set(
            err, -EINVAL,
            "--host \"%.200s\": write NAME=ADDRESS with a numeric address, for example "
            "api.example.org=127.0.0.1",
            text);
    }
    if (hosts->count >= ENTRIES_MAX) {
        return error_set_errno(err, -E2BIG, "--host %.200s", text);
    }
    struct host_entry *more = realloc(hosts->entries, (hosts->count + 1) * sizeof *more);
    if (more == NULL) {
        return error_set_errno(err, -ENOMEM, "--host %.200s", text);
    }
    hosts->entries = more;
    entry.name = strndup(text, len);
    if (entry.name == NULL) {
        return error_set_errno(err, -ENOMEM, "--host %.200s", text);
    }
    more[hosts->count] = entry;
    hosts->count++;
    return 0;
}

void hosts_done(struct hosts *hosts)
{
    for (uint32_t i = 0; i < hosts->count; i++) {
        free(hosts->entries[i].name);
    }
    free(hosts->entries);
    *hosts = (struct hosts){0};
}

const struct host_entry *hosts_next(const struct hosts *hosts, const char *name, uint32_t *at)
{
    size_t len = name_len(name, strlen(name));
    for (; *at < hosts->count; (*at)++) {
        const struct host_entry *entry = &hosts->entries[*at];
        if (strlen(entry->name) == len && strncasecmp(entry->name, name, len) == 0) {
            (*at)++;
            return entry;
        }
    }
    return NULL;
}
