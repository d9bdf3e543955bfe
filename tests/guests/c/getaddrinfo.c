/*
 * Names through the first socket generation, where the guest builds the list that the host fills.
 *
 *   getaddrinfo NAME [SERVICE]
 *
 * Prints "FAMILY ADDRESS PORT" for each answer, or "errno N", which is then the exit status too.
 */
#include "dialect_v1.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRY_COUNT = 8, DATA_LEN = 26, NAME_LEN = 30 };

/* Where the octets begin behind the port: an IPv6 address has its flow label first. */
enum { INET4_AT = 2, INET6_AT = 6 };

static struct entry {
    struct v1_addrinfo info;
    struct v1_sockaddr address;
    uint8_t data[DATA_LEN];
    char name[NAME_LEN];
} entries[ENTRY_COUNT];

static struct v1_addrinfo *chain_build(void)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        struct entry *e = &entries[i];
        e->address = (struct v1_sockaddr){.data = e->data, .len = sizeof(e->data)};
        e->info.address = &e->address;
        e->info.canonical_name = e->name;
        e->info.canonical_name_len = sizeof(e->name);
        e->info.next = i + 1 < ENTRY_COUNT ? &entries[i + 1].info : NULL;
    }
    return &entries[0].info;
}

static void print_one(const struct v1_addrinfo *info)
{
    const uint8_t *data = info->address->data;
    unsigned port = (unsigned)data[0] << 8 | data[1];
    char text[INET6_ADDRSTRLEN] = "";

    if (info->family == V1_INET4) {
        inet_ntop(AF_INET, data + INET4_AT, text, sizeof(text));
        printf("inet4 %s %u\n", text, port);
    } else if (info->family == V1_INET6) {
        inet_ntop(AF_INET6, data + INET6_AT, text, sizeof(text));
        printf("inet6 %s %u\n", text, port);
    } else {
        printf("family %u\n", (unsigned)info->family);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: getaddrinfo NAME [SERVICE]\n");
        return 2;
    }
    const char *service = argc > 2 ? argv[2] : "";
    struct v1_addrinfo hints = {.type = V1_STREAM};
    struct v1_addrinfo *info = chain_build();
    uint32_t count = 0;

    int32_t r = v1_getaddrinfo(argv[1], (uint32_t)strlen(argv[1]), service,
                               (uint32_t)strlen(service), &hints, &info, ENTRY_COUNT, &count);
    if (r != 0) {
        printf("errno %d\n", (int)r);
        return r;
    }
    for (uint32_t i = 0; i < count && info != NULL; i++, info = info->next) {
        print_one(info);
    }
    return 0;
}
