/* The shared numbers. See board.h. */
#include "serve/board.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/container.h"

#define MAGIC UINT64_C(0x31426568747968ff)

enum {
    PAGE = 4096,
    SLOTS_MAX = 4096,
    TRIES_MAX = 1000, /* of a reader, while the master adds up */
    ROW_WORDS = sizeof(struct board_row) / sizeof(uint64_t),
    TOTAL_WORDS = sizeof(struct board_totals) / sizeof(uint64_t),
    FIRST_GAUGE = offsetof(struct board_totals, connections) / sizeof(uint64_t),
    PEAK = offsetof(struct board_row, memory_peak) / sizeof(uint64_t),
};

const uint32_t board_bounds_us[BOARD_BUCKETS - 1] = {
    50,    100,   250,    500,    1000,   2500,    5000,    10000,
    25000, 50000, 100000, 250000, 500000, 1000000, 5000000, 30000000,
};

static size_t round_up(size_t size)
{
    return (size + PAGE - 1) / PAGE * PAGE;
}

static size_t slot_offset(uint32_t number)
{
    return round_up(sizeof(struct board_head)) + number * round_up(sizeof(struct board_slot));
}

static int map(struct board *board, uint32_t slot_count)
{
    void *mapped = mmap(NULL, slot_offset(slot_count), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_NORESERVE, board->fd, 0);
    if (mapped == MAP_FAILED) {
        return -errno;
    }
    board->head = mapped;
    return 0;
}

int board_new(struct board *board, uint32_t slot_count)
{
    struct timespec now;
    slot_count = slot_count > SLOTS_MAX ? SLOTS_MAX : slot_count;
    board->head = NULL;
    board->fd = memfd_create("hythe-board", MFD_CLOEXEC);
    int r = board->fd < 0 ? -errno : 0;
    if (r == 0 && ftruncate(board->fd, (off_t)slot_offset(slot_count)) < 0) {
        r = -errno;
    }
    if (r == 0) {
        r = map(board, slot_count);
    }
    if (r < 0 || board->head == NULL) {
        board_done(board);
        return r;
    }
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    board->head->magic = MAGIC;
    board->head->layout = slot_offset(slot_count);
    board->head->slot_count = slot_count;
    board->head->row_count = 1;
    board->head->names[0][0] = '-';
    board->head->started_s = (uint64_t)now.tv_sec;
    return 0;
}

static bool is_board(const struct board *board, size_t size)
{
    const struct board_head *head = board->head;
    return head->magic == MAGIC && head->layout == size && head->slot_count > 0 &&
           head->slot_count <= SLOTS_MAX && head->row_count <= BOARD_ROUTES_MAX &&
           slot_offset((uint32_t)head->slot_count) == size && head->sequence % 2 == 0;
}

int board_adopt(struct board *board, int fd)
{
    struct stat st;
    *board = (struct board){.fd = fd};
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    size_t size = r == 0 ? (size_t)st.st_size : 0;
    size_t slots = (size - slot_offset(0)) / round_up(sizeof(struct board_slot));
    if (r == 0 &&
        (size <= slot_offset(0) || slots > SLOTS_MAX || slot_offset((uint32_t)slots) != size)) {
        r = -EPROTO;
    }
    if (r == 0) {
        r = map(board, (uint32_t)slots);
    }
    if (r == 0 && !is_board(board, size)) {
        (void)munmap(board->head, size); /* mapped above */
        board->head = NULL;
        r = -EPROTO;
    }
    if (r < 0) {
        board_done(board);
    }
    return r;
}

void board_done(struct board *board)
{
    if (board->head != NULL) {
        (void)munmap(board->head, board->head->layout); /* mapped so */
        board->head = NULL;
    }
    if (board->fd >= 0) {
        (void)close(board->fd); /* memory only */
        board->fd = -1;
    }
}

struct board_slot *board_slot(const struct board *board, uint32_t number)
{
    return (void *)((char *)board->head + slot_offset(number));
}

/* -- the master ------------------------------------------------------------------------------- */

uint32_t board_row_of(struct board *board, const char *name)
{
    struct board_head *head = board->head;
    char cut[BOARD_NAME_MAX] = {0};
    size_t len = strnlen(name, BOARD_NAME_MAX - 1);
    while (len > 0 && ((uint8_t)name[len] & 0xc0) == 0x80) {
        len--; /* not in the middle of a character */
    }
    memcpy(cut, name, len);
    for (uint32_t i = 0; i < head->row_count; i++) {
        if (memcmp(head->names[i], cut, len + 1) == 0) {
            return i;
        }
    }
    if (head->row_count == BOARD_ROUTES_MAX) {
        return 0;
    }
    uint32_t row = (uint32_t)head->row_count;
    memcpy(head->names[row], cut, sizeof cut);
    __atomic_store_n(&head->row_count, row + 1, __ATOMIC_RELEASE);
    return row;
}

uint32_t board_take_slot(struct board *board)
{
    for (uint32_t i = BOARD_BASE + 1; i < board->head->slot_count; i++) {
        struct board_slot *slot = board_slot(board, i);
        if (board_get(&slot->pid) == 0) {
            board_set(&slot->pid, UINT64_MAX); /* taken; its worker will say who it is */
            return i;
        }
    }
    return 0;
}

static void add_words(uint64_t *to, const uint64_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        board_add(&to[i], board_get(&from[i]));
    }
}

static void add_row(struct board_row *to, const struct board_row *from)
{
    uint64_t *to_words = (uint64_t *)to;
    const uint64_t *from_words = (const uint64_t *)from;
    uint64_t peak = board_get(&from_words[PEAK]);
    add_words(to_words, from_words, PEAK);
    if (peak > board_get(&to_words[PEAK])) {
        board_set(&to_words[PEAK], peak);
    }
}

void board_fold_slot(struct board *board, uint32_t number)
{
    struct board_head *head = board->head;
    if (number == BOARD_BASE) {
        return;
    }
    struct board_slot *from = board_slot(board, number);
    struct board_slot *to = board_slot(board, BOARD_BASE);
    __atomic_add_fetch(&head->sequence, 1, __ATOMIC_SEQ_CST);
    add_words((uint64_t *)&to->totals, (const uint64_t *)&from->totals, FIRST_GAUGE);
    for (uint64_t i = 0; i < head->row_count; i++) {
        add_row(&to->rows[i], &from->rows[i]);
    }
    memset(from, 0, offsetof(struct board_slot, rows) + head->row_count * sizeof *from->rows);
    __atomic_add_fetch(&head->sequence, 1, __ATOMIC_SEQ_CST);
}

/* -- a worker --------------------------------------------------------------------------------- */

int board_open_slot(struct board *board, uint32_t number, struct board_slot **ret_slot)
{
    void *mapped = mmap(NULL, round_up(sizeof(struct board_slot)), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_NORESERVE, board->fd, (off_t)slot_offset(number));
    if (mapped == MAP_FAILED) {
        return -errno;
    }
    board_done(board);
    *ret_slot = mapped;
    board_set(&(*ret_slot)->pid, (uint64_t)getpid());
    return 0;
}

void board_count_duration(struct board_row *row, uint64_t duration_ns)
{
    uint32_t i = 0;
    while (i < ARRAY_COUNT(board_bounds_us) &&
           duration_ns > (uint64_t)board_bounds_us[i] * UINT64_C(1000)) {
        i++;
    }
    board_add(&row->buckets[i], 1);
    board_add(&row->duration_ns, duration_ns);
}

/* -- the admin process ------------------------------------------------------------------------ */

/* Map it anew by a descriptor that only reads: memory that a writing one has mapped could be made
 * writable again, and the master trusts what stands in the head. */
int board_protect(struct board *board)
{
    char path[64];
    size_t size = board->head->layout;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", board->fd); /* always fits */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = 0;
    if (fd < 0) { /* no /proc: better than nothing */
        r = mprotect(board->head, size, PROT_READ) < 0 ? -errno : 0;
    } else if (mmap(board->head, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
        r = -errno;
    }
    if (fd >= 0) {
        (void)close(fd); /* memory only, as below; the mapping stays */
    }
    (void)close(board->fd);
    board->fd = -1;
    return r;
}

static void sum_once(const struct board *board, struct board_totals *totals, struct board_row *rows,
                     uint32_t count)
{
    *totals = (struct board_totals){0};
    memset(rows, 0, count * sizeof *rows);
    for (uint32_t s = 0; s < board->head->slot_count; s++) {
        const struct board_slot *slot = board_slot(board, s);
        if (s != BOARD_BASE && board_get(&slot->pid) == 0) {
            continue;
        }
        add_words((uint64_t *)totals, (const uint64_t *)&slot->totals, TOTAL_WORDS);
        for (uint32_t i = 0; i < count; i++) {
            add_row(&rows[i], &slot->rows[i]);
            rows[i].running += board_get(&slot->rows[i].running);
        }
    }
}

uint32_t board_sum(const struct board *board, struct board_totals *ret_totals,
                   struct board_row *ret_rows, uint32_t max)
{
    const struct board_head *head = board->head;
    uint64_t have = __atomic_load_n(&head->row_count, __ATOMIC_ACQUIRE);
    uint32_t count = have > max ? max : (uint32_t)have;
    for (uint32_t tries = 0; tries < TRIES_MAX; tries++) {
        uint64_t before = __atomic_load_n(&head->sequence, __ATOMIC_SEQ_CST);
        sum_once(board, ret_totals, ret_rows, count);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (before % 2 == 0 && __atomic_load_n(&head->sequence, __ATOMIC_SEQ_CST) == before) {
            break;
        }
    }
    return count;
}

void board_name(const struct board *board, uint32_t row, char *ret_name)
{
    memcpy(ret_name, board->head->names[row], BOARD_NAME_MAX);
    ret_name[BOARD_NAME_MAX - 1] = '\0';
}
