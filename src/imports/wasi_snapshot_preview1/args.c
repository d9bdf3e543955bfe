/* Arguments and environment: args_get, args_sizes_get, environ_get, environ_sizes_get. */
#include "base/container.h"
#include "imports/wasi_snapshot_preview1/preview1.h"

static int32_t write_sizes(struct call *call, uint32_t count, const struct buffer *texts)
{
    uint32_t ret_count = call_u32(call, 0);
    uint32_t ret_size = call_u32(call, 1);
    if (!call_in_memory(call, ret_count, 4) || !call_in_memory(call, ret_size, 4)) {
        return WASI_EFAULT;
    }
    (void)call_write_u32(call, ret_count, count); /* both checked above */
    (void)call_write_u32(call, ret_size, (uint32_t)texts->len);
    return WASI_ESUCCESS;
}

/* Write the strings in a row, and the address of each into an array. */
static int32_t write_texts(struct call *call, uint32_t count, const struct buffer *texts)
{
    uint32_t list = call_u32(call, 0);
    uint32_t at = call_u32(call, 1);
    if (!call_in_memory(call, list, (uint64_t)count * 4) || !call_in_memory(call, at, texts->len)) {
        return WASI_EFAULT;
    }
    size_t offset = 0;
    for (uint32_t i = 0; i < count; i++) {
        (void)call_write_u32(call, list + i * 4, at + (uint32_t)offset); /* checked above */
        offset += strlen((const char *)texts->data + offset) + 1;
    }
    (void)call_write(call, at, texts->data, (uint32_t)texts->len); /* checked above */
    return WASI_ESUCCESS;
}

static int32_t args_sizes_get(struct call *call)
{
    return write_sizes(call, call_guest(call)->arg_count, &call_guest(call)->args);
}

static int32_t args_get(struct call *call)
{
    return write_texts(call, call_guest(call)->arg_count, &call_guest(call)->args);
}

static int32_t environ_sizes_get(struct call *call)
{
    return write_sizes(call, call_guest(call)->env_count, &call_guest(call)->env);
}

static int32_t environ_get(struct call *call)
{
    return write_texts(call, call_guest(call)->env_count, &call_guest(call)->env);
}

static const struct host_func rows[] = {
    {"args_get", "ii", "i", "argv argv_buf", args_get, NULL},
    {"args_sizes_get", "ii", "i", "ret_argc ret_argv_len", args_sizes_get, NULL},
    {"environ_get", "ii", "i", "environ environ_buf", environ_get, NULL},
    {"environ_sizes_get", "ii", "i", "ret_count ret_environ_len", environ_sizes_get, NULL},
};

const struct func_table preview1_args = {rows, ARRAY_COUNT(rows)};
