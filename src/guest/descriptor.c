/* The part all descriptors share: references and cached readiness. See descriptor.h. */
#include "guest/descriptor.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "base/container.h"
#include "guest/guest.h"
#include "guest/socket.h"

void descriptor_init(struct descriptor *d, struct guest *guest, enum descriptor_kind kind,
                     const struct descriptor_ops *ops, int fd)
{
    *d = (struct descriptor){.ops = ops, .guest = guest, .kind = kind, .fd = fd, .refs = 1};
}

void descriptor_on_ready(struct descriptor *d, unsigned events)
{
    if ((events & LOOP_WRITE) != 0 && (d->ready & LOOP_WRITE) == 0) {
        d->write_news = true;
    }
    d->read_news = d->read_news || (events & LOOP_READ) != 0;
    d->ready |= (uint8_t)events;
    if (d->kind == DESCRIPTOR_SOCKET && (events & LOOP_WRITE) != 0) {
        guest_socket_on_writable(d);
    }
    guest_wait_on_ready(d, events & d->ready);
}

static void on_ready(struct loop_io *io, unsigned events)
{
    descriptor_on_ready(container_of(io, struct descriptor, io), events);
}

int descriptor_watch(struct descriptor *d)
{
    int r = loop_io_start(d->guest->loop, &d->io, d->fd, on_ready);
    if (r == -EPERM) {
        d->always_ready = true;
        d->ready = LOOP_READ | LOOP_WRITE;
        return 0;
    }
    return r;
}

struct descriptor *descriptor_ref(struct descriptor *d)
{
    d->refs++;
    return d;
}

void descriptor_count(struct descriptor *d)
{
    assert(!d->is_counted);
    d->is_counted = true;
    d->guest->open_files++;
}

void descriptor_unref(struct descriptor *d)
{
    if (d == NULL) {
        return;
    }
    assert(d->refs > 0);
    d->refs--;
    if (d->refs == 0) {
        if (d->is_counted) {
            d->guest->open_files--;
        }
        d->ops->close(d);
    }
}

void descriptor_not_ready(struct descriptor *d, unsigned direction)
{
    if (!d->always_ready) {
        d->ready &= (uint8_t)~direction;
    }
}
