/*
 * A CGI command that does wrong what its query says, "WHAT" or "WHAT=N". With "head-WHAT" it begins a
 * good response first and goes wrong within its content.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seen by the compiler as something that may change, so that no loop or call is taken out. */
static volatile int always = 1;

/* Likewise: what is put here is used. */
static char *volatile kept;

static long number = 0;

static void put(const char *text)
{
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t n = write(1, text, len);
        if (n <= 0) {
            exit(9);
        }
        text += n;
        len -= (size_t)n;
    }
}

static void begin(void)
{
    put("Content-Type: text/plain\n\n");
}

/* -- what never ends -------------------------------------------------------------------------- */

static void loop_for_ever(void)
{
    while (always) {
    }
}

static void copy_for_ever(void)
{
    static char from[1 << 20];
    static char to[1 << 20];
    while (always) {
        memcpy(to, from, sizeof to);
        from[0] = to[1];
    }
}

static void sleep_long(void)
{
    sleep(number > 0 ? (unsigned)number : 3600);
}

static void write_for_ever(void)
{
    static char bytes[65536];
    memset(bytes, 'x', sizeof bytes - 1);
    begin();
    while (always) {
        put(bytes);
    }
}

/* Neither reads what is sent to it nor ends. */
static void never_read(void)
{
    begin();
    put("I do not listen.\n");
    sleep(3600);
}

/* -- what ends badly -------------------------------------------------------------------------- */

static void trap(void)
{
    __builtin_trap();
}

static int recurse(int depth)
{
    volatile char frame[1024];
    frame[depth & 1023] = (char)depth;
    return always ? recurse(depth + 1) + frame[depth & 1023] : 0;
}

static void overflow_stack(void)
{
    exit(recurse(0) & 127);
}

static void take_memory(void)
{
    while (always) {
        char *block = malloc(1 << 20);
        if (block == NULL) {
            abort();
        }
        memset(block, 1, 1 << 20);
        kept = block;
    }
}

static void exit_with(void)
{
    exit(number > 0 ? (int)number : 7);
}

static void exit_after_content(void)
{
    begin();
    put("done\n");
    exit_with();
}

/* -- heads that are none ---------------------------------------------------------------------- */

static void no_head(void)
{
}

static void no_blank_line(void)
{
    put("Content-Type: text/plain\nhello");
}

static void no_colon(void)
{
    put("hello world\n\n");
}

static void inject(void)
{
    put("X-A: a\rSet-Cookie: stolen=1\n\nhello\n");
}

static void bad_name(void)
{
    put("X A: 1\n\nhello\n");
}

static void bad_status(void)
{
    char head[64];
    (void)snprintf(head, sizeof head, "Status: %ld\n\n", number);
    put(head);
}

static void two_statuses(void)
{
    put("Status: 200 OK\nStatus: 404 Not Found\n\n");
}

static void big_head(void)
{
    static char value[4096];
    memset(value, 'x', sizeof value - 1);
    for (int i = 0; i < 300; i++) {
        put("X-Big: ");
        put(value);
        put("\n");
    }
    put("\nhello\n");
}

static void many_headers(void)
{
    for (int i = 0; i < 1000; i++) {
        put("X-Many: 1\n");
    }
    put("\nhello\n");
}

static void framing_headers(void)
{
    put("Content-Type: text/plain\nTransfer-Encoding: chunked\nConnection: close, x-own\n"
        "X-Own: 1\nKeep-Alive: 5\n\nhello\n");
}

/* -- heads that are good in an odd way --------------------------------------------------------- */

static void crlf(void)
{
    put("Content-Type: text/plain\r\nX-Own: 1\r\n\r\nhello\n");
}

static void byte_by_byte(void)
{
    const char *text = "Status: 201 Created\nContent-Type: text/plain\n\nhello\n";
    for (; *text != '\0'; text++) {
        if (write(1, text, 1) != 1) {
            exit(9);
        }
    }
}

static void status_line(void)
{
    put("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\nhello\n");
}

static void local_location(void)
{
    put("Location: /elsewhere?a=b\n\n");
}

/* -- lengths ---------------------------------------------------------------------------------- */

static void too_short(void)
{
    put("Content-Type: text/plain\nContent-Length: 100\n\nhello\n");
}

static void too_long(void)
{
    put("Content-Type: text/plain\nContent-Length: 5\n\nhello");
    if (write(1, "HTTP/1.1 200 OK\r\n\r\n", 19) >= 0) {
        exit(3);
    }
}

/* -- stderr ----------------------------------------------------------------------------------- */

static void flood_stderr(void)
{
    static char bytes[4096];
    memset(bytes, 'e', sizeof bytes);
    for (int i = 0; i < 4096; i++) {
        if (write(2, bytes, sizeof bytes) < 0) {
            exit(4);
        }
    }
    begin();
    put("done\n");
}

static void forge_stderr(void)
{
    (void)fputs("first\nhythe: forged line\n\033[2J\033[31mred\xff\r\nlast without an end", stderr);
    begin();
    put("done\n");
}

/* -- which ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    void (*run)(void);
} ways[] = {
    {"loop", loop_for_ever},
    {"copy", copy_for_ever},
    {"sleep", sleep_long},
    {"endless", write_for_ever},
    {"deaf", never_read},
    {"trap", trap},
    {"recursion", overflow_stack},
    {"memory", take_memory},
    {"exit", exit_with},
    {"exit-after", exit_after_content},
    {"no-head", no_head},
    {"no-blank", no_blank_line},
    {"no-colon", no_colon},
    {"inject", inject},
    {"bad-name", bad_name},
    {"status", bad_status},
    {"two-statuses", two_statuses},
    {"big-head", big_head},
    {"many-headers", many_headers},
    {"framing", framing_headers},
    {"crlf", crlf},
    {"bytes", byte_by_byte},
    {"status-line", status_line},
    {"location", local_location},
    {"short", too_short},
    {"long", too_long},
    {"stderr", flood_stderr},
    {"forge", forge_stderr},
};

int main(void)
{
    const char *query = getenv("QUERY_STRING");
    const char *what = query != NULL ? query : "";
    if (strncmp(what, "head-", 5) == 0) {
        begin();
        put("so far so good\n");
        what += 5;
    }
    size_t len = strcspn(what, "=");
    if (what[len] == '=') {
        number = strtol(what + len + 1, NULL, 10);
    }
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (strlen(ways[i].name) == len && strncmp(ways[i].name, what, len) == 0) {
            ways[i].run();
            return 0;
        }
    }
    begin();
    put("ways to go wrong:\n");
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        put(ways[i].name);
        put("\n");
    }
    return 0;
}
