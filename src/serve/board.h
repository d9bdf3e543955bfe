/* The board: memory that the master, its workers and the admin process share, with what each worker
 * has counted. Each slot has one writer and is read while it is written: all numbers are aligned
 * words, read and written whole. What a worker that ended had counted is added to slot 0, so that no
 * number goes back while the master lives. */
#ifndef HYTHE_SERVE_BOARD_H
#define HYTHE_SERVE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handlers/notes.h"

enum {
    BOARD_ROUTES_MAX = 4096, /* rows; routes past it are counted in row 0 */
    BOARD_NAME_MAX = 128,
    BOARD_CLASSES = 6, /* 1xx to 5xx, and 0: nothing was sent */
    BOARD_BUCKETS = 17,
    BOARD_OUTCOMES = 7,    /* of enum http_outcome */
    BOARD_TIMEOUTS = 5,    /* of struct http_timeouts */
    BOARD_REFUSALS = 5,    /* of enum board_refusal */
    BOARD_CONNECTIONS = 4, /* of enum board_connection */
    BOARD_BASE = 0,        /* the slot of those that have ended */
};

enum board_state { BOARD_STARTING, BOARD_READY, BOARD_ENDING };
enum board_connection { BOARD_HANDSHAKE, BOARD_HEAD, BOARD_ACTIVE, BOARD_IDLE };
enum board_refusal {
    BOARD_REFUSED_RESOLVE,
    BOARD_REFUSED_HTTP,
    BOARD_REFUSED_CONNECT,
    BOARD_REFUSED_LISTEN,
    BOARD_REFUSED_OTHER,
};

/* All members of the next two are uint64_t, so that they can be added word by word. */
struct board_row {
    uint64_t by_class[BOARD_CLASSES];
    uint64_t buckets[BOARD_BUCKETS]; /* by board_bounds_us; the last one is for all above */
    uint64_t duration_ns;
    uint64_t cpu_ns;
    uint64_t body_in;
    uint64_t body_out;
    uint64_t ends[NOTES_END_COUNT];
    uint64_t memory_peak; /* the largest, not the sum */
    uint64_t running;     /* now */
};

struct board_totals {
    uint64_t accepted;
    uint64_t gave_way;
    uint64_t refused_address;
    uint64_t timed_out[BOARD_TIMEOUTS];
    uint64_t bad_requests;
    uint64_t tls_failures;
    uint64_t outcomes[BOARD_OUTCOMES];
    uint64_t refusals[BOARD_REFUSALS];
    uint64_t log_lost;                       /* lines of the access log that could not be written */
    uint64_t lines_withheld;                 /* of guests, past the rate */
    uint64_t connections[BOARD_CONNECTIONS]; /* now, as the rest */
    uint64_t requests;
    uint64_t pool_in_use;
    uint64_t pool_size;
};

struct board_slot {
    uint64_t pid; /* 0: nobody's */
    struct board_totals totals;
    struct board_row rows[BOARD_ROUTES_MAX];
};

/* Written by the master only. */
struct board_head {
    uint64_t magic;
    uint64_t layout;   /* bytes of all; another one is another board */
    uint64_t sequence; /* odd while slots are being added up */
    uint64_t slot_count;
    uint64_t row_count;
    uint64_t state; /* enum board_state */
    uint64_t generation;
    uint64_t workers;       /* wanted */
    uint64_t workers_ready; /* of the generation that serves */
    uint64_t restarts;
    uint64_t reloads;
    uint64_t failed_reloads;
    uint64_t started_s; /* CLOCK_REALTIME */
    char names[BOARD_ROUTES_MAX][BOARD_NAME_MAX];
};

struct board {
    int fd; /* owned: a memfd */
    struct board_head *head;
};

/* Upper bounds of the buckets in microseconds. */
extern const uint32_t board_bounds_us[BOARD_BUCKETS - 1];

/* Make a board. 0 or a negative errno. */
int board_new(struct board *board, uint32_t slot_count);

/* Map one that the program before this one has made; takes the descriptor. 0, -EPROTO when it has
 * another layout, or another negative errno; then the descriptor is closed. */
int board_adopt(struct board *board, int fd);
void board_done(struct board *board);

/* -- the master ------------------------------------------------------------------------------- */

/* The row of a route of that name, old or new; 0 when there are too many. */
uint32_t board_row_of(struct board *board, const char *name);

/* Take a free slot: its number, or 0 when there is none. */
uint32_t board_take_slot(struct board *board);

/* Its worker has ended: what it counted goes to the base. Harmless for 0. */
void board_fold_slot(struct board *board, uint32_t number);

struct board_slot *board_slot(const struct board *board, uint32_t number);

/* NOLINTNEXTLINE(readability-non-const-parameter): clang 14 does not see what the builtin writes */
static inline void board_set(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline uint64_t board_get(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* Only the word's one writer does this. */
static inline void board_add(uint64_t *word, uint64_t more)
{
    board_set(word, board_get(word) + more);
}

/* -- a worker --------------------------------------------------------------------------------- */

/* Keep of the board only this slot, to write to. 0 or a negative errno. */
int board_open_slot(struct board *board, uint32_t number, struct board_slot **ret_slot);

/* Count a time into its bucket. */
void board_count_duration(struct board_row *row, uint64_t duration_ns);

/* -- the admin process ------------------------------------------------------------------------ */

/* Let this process only read it. 0 or a negative errno. */
int board_protect(struct board *board);

/* The sum over all slots: `ret_rows` takes `max` rows. Returns how many there are. */
uint32_t board_sum(const struct board *board, struct board_totals *ret_totals,
                   struct board_row *ret_rows, uint32_t max);

/* A route's name, copied: BOARD_NAME_MAX bytes. */
void board_name(const struct board *board, uint32_t row, char *ret_name);

#endif
