/* Checked access to guest memory: the only place where a guest's address becomes a pointer.
 * See call.h. */
#include "engine/call.h"

#include <errno.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest integers are copied as they are");
_Static_assert(sizeof(union call_value) == 16, "the engine's raw values are 16 bytes");

int call_read(const struct call *call, uint32_t address, void *to, uint32_t len)
{
    if (!call_in_memory(call, address, len)) {
        return -EFAULT;
    }
    if (len > 0) {
        memcpy(to, call->memory + address, len);
    }
    return 0;
}

int call_write(struct call *call, uint32_t address, const void *from, uint32_t len)
{
    if (!call_in_memory(call, address, len)) {
        return -EFAULT;
    }
    if (len > 0) {
        memcpy(call->memory + address, from, len);
    }
    return 0;
}

int call_write_u16(struct call *call, uint32_t address, uint16_t value)
{
    return call_write(call, address, &value, sizeof value);
}

int call_write_u32(struct call *call, uint32_t address, uint32_t value)
{
    return call_write(call, address, &value, sizeof value);
}

int call_write_u64(struct call *call, uint32_t address, uint64_t value)
{
    return call_write(call, address, &value, sizeof value);
}

int call_read_u32(const struct call *call, uint32_t address, uint32_t *ret_value)
{
    return call_read(call, address, ret_value, sizeof *ret_value);
}

int call_span(const struct call *call, uint32_t address, uint32_t len, struct span *ret_span)
{
    if (!call_in_memory(call, address, len)) {
        return -EFAULT;
    }
    *ret_span = (struct span){len > 0 ? call->memory + address : NULL, len};
    return 0;
}

int call_room(struct call *call, uint32_t address, uint32_t len, uint8_t **ret_bytes)
{
    if (!call_in_memory(call, address, len)) {
        return -EFAULT;
    }
    *ret_bytes = call->memory + address;
    return 0;
}
