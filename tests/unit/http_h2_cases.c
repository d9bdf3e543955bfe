/* HTTP/2 frame by frame, against RFC 9113: runs tests/cases/h2/, where README.md says how a case is
 * written.
 * Links: nghttp2 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "h2_peer.h"

enum { LINE_MAX_LEN = 4096, BYTES_MAX = 1 << 20 };

struct run {
    struct h2_front front;
    struct h2_peer *peer; /* NULL: connected with the next line that needs one */
    const char *file;
    char name[LINE_MAX_LEN];
    unsigned line;
    unsigned cases;
    unsigned failures;
    bool has_failed; /* this case: the rest of it says nothing */
};

static const char *const codes[] = {"NO_ERROR",           "PROTOCOL_ERROR",   "INTERNAL_ERROR",
                                    "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
                                    "FRAME_SIZE_ERROR",   "REFUSED_STREAM",   "CANCEL",
                                    "COMPRESSION_ERROR",  "CONNECT_ERROR",    "ENHANCE_YOUR_CALM",
                                    "INADEQUATE_SECURITY"};

static const char *const types[] = {"DATA",          "HEADERS",      "PRIORITY", "RST_STREAM",
                                    "SETTINGS",      "PUSH_PROMISE", "PING",     "GOAWAY",
                                    "WINDOW_UPDATE", "CONTINUATION"};

static unsigned find(const char *const *names, size_t count, const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return (unsigned)strtoul(name, NULL, 16);
}

/* -- what a case says ------------------------------------------------------------------------- */

/* Words of two hexadecimal digits a byte; "*N" behind a word has it N times. */
static void read_hex(char *words, struct buffer *to)
{
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        char *star = strchr(word, '*');
        unsigned long times = star != NULL ? strtoul(star + 1, NULL, 10) : 1;
        size_t len = (star != NULL ? (size_t)(star - word) : strlen(word)) / 2;
        for (; times > 0; times--) {
            for (size_t i = 0; i < len; i++) {
                char digits[3] = {word[2 * i], word[2 * i + 1], '\0'};
                uint8_t byte = (uint8_t)strtoul(digits, NULL, 16);
                assert_int_equal(buffer_append(to, (struct span){&byte, 1}), 0);
            }
        }
    }
}

static void do_send(struct run *run, char *rest)
{
    struct buffer bytes;
    buffer_init(&bytes, BYTES_MAX);
    read_hex(rest, &bytes);
    h2_peer_send(run->peer, bytes.data, bytes.len);
    buffer_done(&bytes);
}

static void do_frame(struct run *run, char *rest)
{
    char *words = NULL;
    struct buffer bytes;
    buffer_init(&bytes, BYTES_MAX);
    const char *type = strtok_r(rest, " ", &words);
    const char *flags = strtok_r(NULL, " ", &words);
    const char *stream = strtok_r(NULL, " ", &words);
    assert_non_null(stream);
    read_hex(words, &bytes);
    h2_peer_frame(run->peer, find(types, ARRAY_COUNT(types), type),
                  (unsigned)strtoul(flags, NULL, 16), (uint32_t)strtoul(stream, NULL, 10),
                  buffer_span(&bytes));
    buffer_done(&bytes);
}

static void do_headers(struct run *run, char *rest)
{
    char *at = NULL;
    unsigned flags = (unsigned)strtoul(rest, &at, 16);
    uint32_t stream = (uint32_t)strtoul(at, &at, 10);
    at += strspn(at, " ");
    /* " | " between fields */
    char fields[LINE_MAX_LEN] = "";
    size_t len = 0;
    for (; *at != '\0'; len++) {
        bool is_gap = strncmp(at, " | ", 3) == 0;
        fields[len] = is_gap ? '\n' : *at;
        at += is_gap ? 3 : 1;
    }
    h2_peer_headers(run->peer, flags, stream, fields);
}

static void do_request(struct run *run, char *rest, const char *method, unsigned flags)
{
    char *at = NULL;
    uint32_t stream = (uint32_t)strtoul(rest, &at, 10);
    h2_peer_request(run->peer, flags, stream, method, at + 1);
}

static void next_of(struct run *run, unsigned type, struct h2_peer_frame *ret_frame)
{
    do {
        h2_peer_next(run->peer, 3000, ret_frame);
    } while (ret_frame->type != type && ret_frame->type < H2_CLOSED);
}

/* The other cases are run all the same. */
static void fail_at(struct run *run, const struct h2_peer_frame *frame)
{
    print_error("%s:%u, %s: got a frame of type %u, flags %u, stream %u, code %u\n%s", run->file,
                run->line, run->name, frame->type, frame->flags, frame->stream, frame->code,
                frame->fields != NULL ? frame->fields : "");
    run->failures += !run->has_failed;
    run->has_failed = true;
}

/* The next frame that says how it went: what has been sent for good requests is passed over. */
static void next_verdict(struct run *run, struct h2_peer_frame *ret_frame)
{
    do {
        h2_peer_next(run->peer, 3000, ret_frame);
    } while (ret_frame->type != H2_RST_STREAM && ret_frame->type != H2_GOAWAY &&
             ret_frame->type < H2_CLOSED);
}

static void expect_code(struct run *run, unsigned type, uint32_t stream, const char *code)
{
    struct h2_peer_frame frame;
    next_verdict(run, &frame);
    if (frame.type != type || (type == H2_RST_STREAM && frame.stream != stream) ||
        frame.code != find(codes, ARRAY_COUNT(codes), code)) {
        fail_at(run, &frame);
    }
}

static void expect_status(struct run *run, uint32_t stream, const char *status)
{
    struct h2_peer_frame frame;
    do {
        next_of(run, H2_HEADERS, &frame);
    } while (frame.type == H2_HEADERS && frame.stream != stream);
    if (frame.type != H2_HEADERS || strncmp(frame.fields + strlen(":status: "), status, 3) != 0) {
        fail_at(run, &frame);
    }
}

static void expect_ack(struct run *run, unsigned type, char *hex)
{
    struct h2_peer_frame frame;
    struct buffer bytes;
    buffer_init(&bytes, BYTES_MAX);
    read_hex(hex, &bytes);
    do {
        next_of(run, type, &frame);
    } while (frame.type == type && (frame.flags & H2_ACK) == 0);
    if (frame.type != type || frame.payload.len != bytes.len ||
        (bytes.len > 0 && memcmp(frame.payload.data, bytes.data, bytes.len) != 0)) {
        fail_at(run, &frame);
    }
    buffer_done(&bytes);
}

/* Nothing has gone wrong so far: a PING is answered, and no error comes before. */
static void expect_alive(struct run *run)
{
    static const uint8_t opaque[8] = "are you?";
    struct h2_peer_frame frame;
    h2_peer_frame(run->peer, H2_PING, 0, 0, (struct span){opaque, sizeof opaque});
    do {
        h2_peer_next(run->peer, 3000, &frame);
        bool is_refusal = frame.type == H2_RST_STREAM && frame.code != 0;
        if (is_refusal || frame.type == H2_GOAWAY || frame.type >= H2_CLOSED) {
            fail_at(run, &frame);
            return;
        }
    } while (frame.type != H2_PING || memcmp(frame.payload.data, opaque, sizeof opaque) != 0);
}

static void do_expect(struct run *run, char *rest)
{
    char *words = NULL;
    struct h2_peer_frame frame;
    const char *what = strtok_r(rest, " ", &words);
    if (strcmp(what, "goaway") == 0) {
        expect_code(run, H2_GOAWAY, 0, words);
        next_verdict(run, &frame);
        if (frame.type != H2_CLOSED) {
            fail_at(run, &frame);
        }
    } else if (strcmp(what, "reset") == 0) {
        uint32_t stream = (uint32_t)strtoul(words, &words, 10);
        expect_code(run, H2_RST_STREAM, stream, words + 1);
    } else if (strcmp(what, "status") == 0) {
        uint32_t stream = (uint32_t)strtoul(words, &words, 10);
        expect_status(run, stream, words + 1);
    } else if (strcmp(what, "settings-ack") == 0) {
        expect_ack(run, H2_SETTINGS, words);
    } else if (strcmp(what, "ping-ack") == 0) {
        expect_ack(run, H2_PING, words);
    } else if (strcmp(what, "alive") == 0) {
        expect_alive(run);
    } else {
        fail_msg("%s:%u: expect what?", run->file, run->line);
    }
}

/* -- files ------------------------------------------------------------------------------------ */

static void end_case(struct run *run)
{
    if (run->peer != NULL) {
        h2_peer_close(run->peer);
        h2_front_turn(&run->front, 2);
        run->peer = NULL;
    }
}

static void do_line(struct run *run, char *line)
{
    char *rest = strchr(line, ' ');
    rest = rest != NULL ? rest + 1 : line + strlen(line);
    size_t len = strcspn(line, " ");
    struct span word = {(const uint8_t *)line, len};
    if (span_is(word, "case")) {
        end_case(run);
        (void)snprintf(run->name, sizeof run->name, "%s", rest);
        run->cases++;
        run->has_failed = false;
        return;
    }
    if (run->has_failed) {
        return;
    }
    if (run->peer == NULL) {
        run->peer =
            span_is(word, "raw") ? h2_peer_connect(&run->front) : h2_peer_open(&run->front, 0);
    }
    if (span_is(word, "send")) {
        do_send(run, rest);
    } else if (span_is(word, "text")) {
        h2_peer_send(run->peer, rest, strlen(rest));
    } else if (span_is(word, "frame")) {
        do_frame(run, rest);
    } else if (span_is(word, "headers")) {
        do_headers(run, rest);
    } else if (span_is(word, "get")) {
        do_request(run, rest, "GET", H2_END_STREAM);
    } else if (span_is(word, "post")) {
        do_request(run, rest, "POST", 0);
    } else if (span_is(word, "expect")) {
        do_expect(run, rest);
    } else {
        assert_true(span_is(word, "raw"));
    }
}

static void run_file(const char *file)
{
    char path[512];
    char line[LINE_MAX_LEN];
    struct run run = {.file = file};
    (void)snprintf(path, sizeof path, "%s/cases/h2/%s", TESTS_DIR, file);
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    h2_front_init(&run.front);
    h2_front_begin(&run.front);
    while (fgets(line, sizeof line, in) != NULL) {
        run.line++;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && line[0] != '#') {
            do_line(&run, line);
        }
    }
    end_case(&run);
    (void)fclose(in);
    h2_front_end(&run.front);
    print_message("%s: %u cases\n", file, run.cases);
    assert_true(run.cases > 0);
    assert_int_equal(run.failures, 0);
}

static void frames(void **state)
{
    (void)state;
    run_file("4_frames.txt");
}

static void streams(void **state)
{
    (void)state;
    run_file("5_streams.txt");
}

static void frame_definitions(void **state)
{
    (void)state;
    run_file("6_frame_definitions.txt");
}

static void messages(void **state)
{
    (void)state;
    run_file("8_messages.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames),
        cmocka_unit_test(streams),
        cmocka_unit_test(frame_definitions),
        cmocka_unit_test(messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
