/* read-directory and the resource `directory-entry-stream`.
 *
 * A stream has the directory open for itself: the kernel's position belongs to an open directory, and
 * a preopen's is shared by all guests that were given it. It reads a batch of entries at a time, kept
 * as records of type, length and name; the cookie says where the next batch begins. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "guest/dir.h"
#include "guest/guest.h"
#include "imports/wasi_filesystem/filesystem.h"

enum { BATCH_LEN = 4096, HEAD_LEN = 2 };

_Static_assert(NAME_MAX <= UINT8_MAX, "a name's length is kept in one byte");
_Static_assert(NAME_MAX + HEAD_LEN <= BATCH_LEN, "every entry fits into an empty batch");

struct fs_entry_stream {
    struct resource base; /* first */
    struct descriptor *d; /* a reference: a directory */
    uint64_t cookie;      /* where the next batch begins */
    uint8_t *batch; /* owned: BATCH_LEN bytes, from the first entry to the end of the listing */
    size_t len;     /* used in it */
    size_t at;      /* given to the guest */
    bool is_over;
};

static void entry_stream_free(struct resource *resource)
{
    struct fs_entry_stream *stream = container_of(resource, struct fs_entry_stream, base);
    descriptor_unref(stream->d);
    free(stream->batch);
    free(stream);
}

const struct resource_kind fs_entry_stream_kind = {.name = "directory-entry-stream",
                                                   .free = entry_stream_free};

int32_t fs_read_directory(struct component_call *call)
{
    static const struct dir_open how = {.directory = true, .read = true};
    struct guest *guest = call->guest;
    struct guest_dir *dir = NULL;
    struct descriptor *d = NULL;
    int r = fs_dir(call, 0, &dir);
    if (r == 0) {
        r = fs_may_open(guest);
    }
    if (r == 0) {
        r = guest_dir_open(dir, ".", &how, &d);
    }
    if (r < 0) {
        return fs_answer(call, r);
    }
    struct fs_entry_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        descriptor_unref(d);
        return fs_answer(call, -ENOMEM);
    }
    resource_init(&stream->base, guest, &fs_entry_stream_kind);
    stream->d = d;
    descriptor_count(d);
    return fs_answer_resource(call, &stream->base);
}

/* -- read-directory-entry --------------------------------------------------------------------- */

static bool is_dots(const struct dir_entry *entry)
{
    struct span name = {(const uint8_t *)entry->name, entry->name_len};
    return span_is(name, ".") || span_is(name, "..");
}

static bool on_entry(void *context, const struct dir_entry *entry)
{
    struct fs_entry_stream *stream = context;
    size_t len = HEAD_LEN + (size_t)entry->name_len;
    if (!is_dots(entry)) {
        if (entry->name_len > NAME_MAX || len > BATCH_LEN - stream->len) {
            return false;
        }
        uint8_t *record = stream->batch + stream->len;
        record[0] = entry->d_type;
        record[1] = (uint8_t)entry->name_len;
        memcpy(record + HEAD_LEN, entry->name, entry->name_len);
        stream->len += len;
    }
    stream->cookie = entry->next;
    return true;
}

static int read_batch(struct fs_entry_stream *stream)
{
    if (stream->batch == NULL) {
        stream->batch = malloc(BATCH_LEN);
        if (stream->batch == NULL) {
            return -ENOMEM;
        }
    }
    stream->len = 0;
    stream->at = 0;
    int r = guest_dir_list(guest_dir_of(stream->d), stream->cookie, on_entry, stream);
    if (r < 0) {
        return r;
    }
    if (stream->len == 0) {
        stream->is_over = true;
        free(stream->batch);
        stream->batch = NULL;
    }
    return 0;
}

/* A name that is no UTF-8 is an error of its own; behind it the listing goes on. */
int32_t fs_read_directory_entry(struct component_call *call)
{
    struct fs_entry_stream *stream =
        COMPONENT_SELF(call, 0, struct fs_entry_stream, &fs_entry_stream_kind);
    if (stream->at == stream->len && !stream->is_over) {
        int r = read_batch(stream);
        if (r < 0) {
            return fs_answer(call, r);
        }
    }
    if (stream->is_over) {
        return component_ok(call, 0 /* none */);
    }
    const uint8_t *record = stream->batch + stream->at;
    struct span name = {record + HEAD_LEN, record[1]};
    stream->at += HEAD_LEN + name.len;
    if (!utf8_is_valid(name)) {
        return fs_answer(call, -EILSEQ);
    }
    call->results[1].number = 1;
    call->results[2].number = fs_type_from(record[0]);
    call->results[3].bytes = name; /* stays until the next call: the batch is not touched before */
    return 0;
}
