/* Counting connections by address. See address_counts.h. */
#include "http/address_counts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { BUCKETS = 4096, KEY_LEN = 8 };

struct entry {
    struct entry *next; /* owned */
    uint8_t key[KEY_LEN];
    bool is_v6;
    uint32_t count;
};

struct address_counts {
    uint32_t max;
    uint64_t secret; /* so that nobody can choose addresses that share a bucket */
    struct entry *buckets[BUCKETS];
};

int address_counts_new(uint32_t max, struct address_counts **ret_counts)
{
    struct address_counts *counts = calloc(1, sizeof *counts);
    if (counts == NULL) {
        return -ENOMEM;
    }
    counts->max = max;
    if (getrandom(&counts->secret, sizeof counts->secret, 0) != (ssize_t)sizeof counts->secret) {
        counts->secret = (uint64_t)(uintptr_t)counts; /* where memory lies is no public matter */
    }
    *ret_counts = counts;
    return 0;
}

void address_counts_free(struct address_counts *counts)
{
    if (counts == NULL) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        while (counts->buckets[i] != NULL) {
            struct entry *entry = counts->buckets[i];
            counts->buckets[i] = entry->next;
            free(entry);
        }
    }
    free(counts);
}

/* False for an address that is not counted. */
static bool key_of(const struct net_address *peer, uint8_t key[KEY_LEN], bool *ret_is_v6)
{
    struct net_address plain = *peer;
    net_address_unmap(&plain);
    memset(key, 0, KEY_LEN);
    *ret_is_v6 = plain.u.any.sa_family == AF_INET6;
    if (*ret_is_v6) {
        memcpy(key, &plain.u.v6.sin6_addr, KEY_LEN);
        return true;
    }
    memcpy(key, &plain.u.v4.sin_addr, sizeof plain.u.v4.sin_addr);
    return plain.u.any.sa_family == AF_INET;
}

static struct entry **place_of(struct address_counts *counts, const uint8_t key[KEY_LEN],
                               bool is_v6)
{
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    hash = (hash ^ counts->secret) * 0x9e3779b97f4a7c15U;
    hash = (hash ^ (hash >> 29)) * 0xbf58476d1ce4e5b9U;
    struct entry **place = &counts->buckets[(hash >> 32) % BUCKETS];
    while (*place != NULL &&
           ((*place)->is_v6 != is_v6 || memcmp((*place)->key, key, KEY_LEN) != 0)) {
        place = &(*place)->next;
    }
    return place;
}

bool address_counts_add(struct address_counts *counts, const struct net_address *peer)
{
    uint8_t key[KEY_LEN];
    bool is_v6 = false;
    if (!key_of(peer, key, &is_v6)) {
        return true;
    }
    struct entry **place = place_of(counts, key, is_v6);
    if (*place == NULL) {
        *place = calloc(1, sizeof **place);
        if (*place == NULL) {
            return false; /* whoever cannot be counted cannot come in */
        }
        memcpy((*place)->key, key, KEY_LEN);
        (*place)->is_v6 = is_v6;
    }
    if ((*place)->count >= counts->max) {
        return false;
    }
    (*place)->count++;
    return true;
}

void address_counts_remove(struct address_counts *counts, const struct net_address *peer)
{
    uint8_t key[KEY_LEN];
    bool is_v6 = false;
    if (!key_of(peer, key, &is_v6)) {
        return;
    }
    struct entry **place = place_of(counts, key, is_v6);
    if (*place != NULL) {
        (*place)->count--;
        if ((*place)->count == 0) {
            struct entry *empty = *place;
            *place = empty->next;
            free(empty);
        }
    }
}
