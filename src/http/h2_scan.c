/* Where the bytes of a peer stand. See h2_scan.h. Bytes that are no HTTP/2 may be read as anything
 * here: nghttp2 ends the connection for them. */
#include "http/h2_scan.h"

#include "http/nghttp2.h"

void h2_scan_init(struct h2_scan *scan)
{
    *scan = (struct h2_scan){.left = NGHTTP2_CLIENT_MAGIC_LEN};
}

static void read_head(struct h2_scan *scan)
{
    const uint8_t *head = scan->head;
    bool begins = head[3] == NGHTTP2_HEADERS;
    scan->left = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
    scan->head_len = 0;
    if (begins || head[3] == NGHTTP2_CONTINUATION) {
        scan->blocks += begins;
        scan->pieces = begins ? 0 : scan->pieces + 1;
        scan->is_in_block = scan->is_in_block || begins;
        scan->is_last_piece = (head[4] & NGHTTP2_FLAG_END_HEADERS) != 0;
    }
}

void h2_scan_pass(struct h2_scan *scan, struct span bytes)
{
    size_t at = 0;
    while (at < bytes.len) {
        if (scan->left > 0) {
            size_t some = bytes.len - at < scan->left ? bytes.len - at : scan->left;
            scan->left -= (uint32_t)some;
            at += some;
        } else {
            scan->head[scan->head_len++] = bytes.data[at++];
            if (scan->head_len == H2_FRAME_HEAD_LEN) {
                read_head(scan);
            }
        }
        if (scan->left == 0 && scan->head_len == 0 && scan->is_last_piece) {
            scan->is_in_block = false;
            scan->is_last_piece = false;
        }
    }
}
