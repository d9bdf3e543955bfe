/* Where the bytes of a peer stand: within a header block, or not. nghttp2 does not tell of blocks
 * that it drops, and a block that does not go on has a timeout. */
#ifndef HYTHE_HTTP_H2_SCAN_H
#define HYTHE_HTTP_H2_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum { H2_FRAME_HEAD_LEN = 9 };

struct h2_scan {
    uint32_t left; /* bytes to pass over: of the preface, or of a frame's payload */
    uint8_t head[H2_FRAME_HEAD_LEN];
    uint8_t head_len;   /* bytes of it that have come */
    bool is_in_block;   /* HEADERS have begun, and the block has not ended */
    bool is_last_piece; /* with the payload that is passed over now, it does */
    uint32_t pieces;    /* CONTINUATION frames of this block */
    uint32_t blocks;    /* that have begun so far */
};

/* Begin before the preface. */
void h2_scan_init(struct h2_scan *scan);

/* These bytes have come. */
void h2_scan_pass(struct h2_scan *scan, struct span bytes);

#endif
