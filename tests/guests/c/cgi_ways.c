/*
 * A CGI program that does what the path says, well or badly: /echo gives the body back, /raw writes
 * the body as the whole response, head and all, /spin never ends, and so on: see the table at the
 * end. /NAME/N has a number for those that take one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wasi/api.h>

enum {
    PIECE_LEN = 64 << 10,
    PAGE_LEN = 64 << 10,
    MIB = 1 << 20,
    SECRET_LEN = 4 * MIB,
    MANY = 1000000,
};

extern char **environ;

/* Read at run time, or the compiler would see the end coming and do as it likes. */
static volatile int zero = 0;
static char piece[PIECE_LEN];

/* -- output ------------------------------------------------------------------------------------ */

/* Nobody listens any more: end, as a program does that SIGPIPE reaches. */
static void write_all(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes, len);
        if (n < 0) {
            exit(9);
        }
        bytes += n;
        len -= (size_t)n;
    }
}

static void write_text(const char *text)
{
    write_all(text, strlen(text));
}

static void write_head(void)
{
    write_text("Content-Type: text/plain\n\n");
}

static void write_many(uint64_t len)
{
    for (size_t i = 0; i < sizeof piece; i++) {
        piece[i] = (char)('a' + i % 26);
    }
    while (len > 0) {
        size_t step = len < sizeof piece ? (size_t)len : sizeof piece;
        write_all(piece, step);
        len -= step;
    }
}

/* -- well-behaved ------------------------------------------------------------------------------ */

static void copy(void)
{
    ssize_t n;
    while ((n = read(STDIN_FILENO, piece, sizeof piece)) > 0) {
        write_all(piece, (size_t)n);
    }
}

static void show_environment(int argc, char **argv)
{
    write_head();
    for (char **variable = environ; *variable != NULL; variable++) {
        write_text(*variable);
        write_text("\n");
    }
    for (int i = 0; i < argc; i++) {
        printf("[%d]=%s\n", i, argv[i]);
    }
    fflush(stdout);
}

static void echo(uint64_t number)
{
    (void)number;
    write_head();
    copy();
}

static void raw(uint64_t number)
{
    (void)number;
    copy();
}

static void size(uint64_t number)
{
    write_head();
    write_many(number);
}

static void length(uint64_t number)
{
    printf("Content-Length: %" PRIu64 "\nContent-Type: text/plain\n\n", number);
    fflush(stdout);
    write_many(number);
}

/* Reads all before it says a word. */
static void sink(uint64_t number)
{
    uint64_t total = 0;
    ssize_t n;
    (void)number;
    while ((n = read(STDIN_FILENO, piece, sizeof piece)) > 0) {
        total += (uint64_t)n;
    }
    printf("Content-Type: text/plain\n\n%" PRIu64 " %s\n", total, n < 0 ? strerror(errno) : "end");
    fflush(stdout);
}

static void early(uint64_t number)
{
    (void)number;
    write_head();
    write_text("read nothing\n");
}

static __wasi_errno_t pause_ms(uint64_t ms)
{
    __wasi_subscription_t subscription = {0};
    __wasi_event_t event;
    __wasi_size_t count = 0;
    subscription.u.tag = __WASI_EVENTTYPE_CLOCK;
    subscription.u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
    subscription.u.u.clock.timeout = ms * 1000000;
    return __wasi_poll_oneoff(&subscription, &event, 1, &count);
}

static void drip(uint64_t number)
{
    write_head();
    for (uint64_t i = 0; i < number; i++) {
        char line[32];
        (void)snprintf(line, sizeof line, "line %" PRIu64 "\n", i);
        write_text(line);
        (void)pause_ms(200);
    }
}

/* Shows the file that the variable FILE names. */
static void show_file(uint64_t number)
{
    const char *name = getenv("FILE");
    FILE *file = fopen(name != NULL ? name : "", "r");
    size_t n;
    (void)number;
    write_head();
    if (file == NULL) {
        write_text("no file\n");
        return;
    }
    while ((n = fread(piece, 1, sizeof piece, file)) > 0) {
        write_all(piece, n);
    }
    (void)fclose(file);
}

/* A second request in the same memory would say 2. */
static void count(uint64_t number)
{
    static int requests = 0;
    (void)number;
    requests++;
    printf("Content-Type: text/plain\n\n%d\n", requests);
    fflush(stdout);
}

/* -- secrets ----------------------------------------------------------------------------------- */

/* Not to be found in a memory that nobody has written it to: made as it is needed. */
static uint64_t secret(void)
{
    return (UINT64_C(0x5ec2e75ec2e75ec2) ^ (uint64_t)zero) * 3;
}

/* How many aligned words of all memory are the secret. */
static unsigned search(void)
{
    unsigned found = 0;
    uint64_t wanted = secret();
    size_t end = __builtin_wasm_memory_size(0) * (size_t)PAGE_LEN;
    for (size_t at = 8; at + 8 <= end; at += 8) {
        uint64_t word;
        memcpy(&word, (const void *)at, sizeof word);
        found += word == wanted;
    }
    return found;
}

static void remember(uint64_t number)
{
    uint64_t *words = malloc(SECRET_LEN);
    (void)number;
    for (size_t i = 0; words != NULL && i < SECRET_LEN / sizeof *words; i++) {
        words[i] = secret();
    }
    __asm__ volatile("" : : "r"(words) : "memory");
    printf("Content-Type: text/plain\n\n%u\n", search());
    fflush(stdout);
}

static void recall(uint64_t number)
{
    (void)number;
    (void)__builtin_wasm_memory_grow(0, 2 * SECRET_LEN / PAGE_LEN);
    printf("Content-Type: text/plain\n\n%u\n", search());
    fflush(stdout);
}

/* -- badly behaved ----------------------------------------------------------------------------- */

static void spin(uint64_t number)
{
    volatile uint64_t turns = number;
    for (;;) {
        turns++;
    }
}

static void spin_after_head(uint64_t number)
{
    write_head();
    write_text("begun\n");
    spin(number);
}

/* Long instructions, few branches. */
static void bulk(uint64_t number)
{
    char *block = malloc(8 * MIB);
    if (block == NULL) {
        return;
    }
    for (;;) {
        memset(block, (int)number, 8 * MIB);
        __asm__ volatile("" : : "r"(block) : "memory");
    }
}

static void sleep_on(uint64_t number)
{
    (void)number;
    (void)pause_ms(UINT64_C(1000000000));
}

static void sleep_after_head(uint64_t number)
{
    write_head();
    write_text("begun\n");
    sleep_on(number);
}

static void grow(uint64_t number)
{
    unsigned steps = 0;
    char *block;
    (void)number;
    while ((block = malloc(MIB)) != NULL) {
        memset(block, 1, MIB);
        __asm__ volatile("" : : "r"(block) : "memory");
        steps++;
    }
    printf("Content-Type: text/plain\n\n%u\n", steps);
    fflush(stdout);
}

static void random_bytes(uint64_t number)
{
    uint8_t *block = malloc((size_t)number);
    __wasi_errno_t r = block != NULL ? __wasi_random_get(block, (__wasi_size_t)number) : 255;
    printf("Content-Type: text/plain\n\n%d\n", r);
    fflush(stdout);
}

static void endless(uint64_t number)
{
    (void)number;
    write_head();
    for (;;) {
        write_many(UINT64_C(1) << 30);
    }
}

/* No line ever ends, so there is no head. */
static void headless(uint64_t number)
{
    (void)number;
    for (;;) {
        write_many(UINT64_C(1) << 30);
    }
}

static void silent(uint64_t number)
{
    (void)number;
}

static void trap(uint64_t number)
{
    (void)number;
    __builtin_trap();
}

static void trap_after_head(uint64_t number)
{
    write_head();
    write_text("begun\n");
    trap(number);
}

__attribute__((noinline)) static int descend(int depth)
{
    return depth < 0 ? depth : descend(depth + 1 + zero) + zero;
}

static void overflow(uint64_t number)
{
    (void)number;
    printf("%d\n", descend(zero));
}

__attribute__((noinline)) static int exit_below(int depth, int code)
{
    if (depth == 0) {
        _Exit(code);
    }
    return exit_below(depth - 1, code) + zero;
}

static void nested_exit(uint64_t number)
{
    write_head();
    write_text("complete\n");
    printf("%d\n", exit_below(100, (int)number));
}

static void early_exit(uint64_t number)
{
    printf("%d\n", exit_below(100, (int)number));
}

/* What a log must not pass on: new lines as if they were the server's, colours, titles, bytes that
 * are no characters. */
static void forge(uint64_t number)
{
    static const char text[] = "innocent\r\nhythe: serving on http://127.0.0.1:1\n"
                               "\x1b[2J\x1b]0;title\x07 \x9b"
                               "31m\xff\xfe\xc0\xaf \xe2\x80\xae"
                               "backwards\n127.0.0.1 - - \"GET /forged\"\rover\n";
    (void)number;
    (void)write(STDERR_FILENO, text, sizeof text - 1);
    write_head();
    write_text("forged\n");
}

static void flood(uint64_t number)
{
    memset(piece, 'f', sizeof piece);
    for (uint64_t left = number; left > 0;) {
        size_t step = left < sizeof piece ? (size_t)left : sizeof piece;
        ssize_t n = write(STDERR_FILENO, piece, step);
        if (n <= 0) {
            break;
        }
        left -= (uint64_t)n;
    }
    write_head();
    write_text("flooded\n");
}

static void poll_many(uint64_t number)
{
    uint32_t wanted = number > 0 ? (uint32_t)number : MANY;
    __wasi_subscription_t *subscriptions = calloc(wanted, sizeof *subscriptions);
    __wasi_event_t *events = calloc(wanted, sizeof *events);
    __wasi_size_t happened = 0;
    int r = -1;
    for (uint32_t i = 0; subscriptions != NULL && i < wanted; i++) {
        subscriptions[i].userdata = i;
        subscriptions[i].u.tag = __WASI_EVENTTYPE_CLOCK;
        subscriptions[i].u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
        subscriptions[i].u.u.clock.timeout = i;
    }
    if (subscriptions != NULL && events != NULL) {
        r = __wasi_poll_oneoff(subscriptions, events, wanted, &happened);
    }
    printf("Content-Type: text/plain\n\n%d %u\n", r, (unsigned)happened);
    fflush(stdout);
}

/* -- which ------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*go)(uint64_t number);
} ways[] = {
    {"echo", echo},
    {"raw", raw},
    {"size", size},
    {"length", length},
    {"sink", sink},
    {"early", early},
    {"drip", drip},
    {"file", show_file},
    {"count", count},
    {"remember", remember},
    {"recall", recall},
    {"spin", spin},
    {"spin_after_head", spin_after_head},
    {"bulk", bulk},
    {"sleep", sleep_on},
    {"sleep_after_head", sleep_after_head},
    {"grow", grow},
    {"random", random_bytes},
    {"endless", endless},
    {"headless", headless},
    {"silent", silent},
    {"trap", trap},
    {"trap_after_head", trap_after_head},
    {"overflow", overflow},
    {"nested_exit", nested_exit},
    {"early_exit", early_exit},
    {"forge", forge},
    {"flood", flood},
    {"poll_many", poll_many},
};

int main(int argc, char **argv)
{
    const char *path = getenv("PATH_INFO");
    const char *name = path != NULL && path[0] == '/' ? path + 1 : "";
    size_t len = strcspn(name, "/");
    uint64_t number = name[len] == '/' ? strtoull(name + len + 1, NULL, 10) : 0;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (strlen(ways[i].name) == len && memcmp(ways[i].name, name, len) == 0) {
            ways[i].go(number);
            return 0;
        }
    }
    show_environment(argc, argv);
    return 0;
}
