/* The rows of wasi_experimental_http. One name, `req`, has six types; what the parameters of those
 * with 12 and 15 mean is known at the call only. */
#include "base/container.h"
#include "imports/wasi_experimental_http/http.h"

static const struct host_func rows[] = {
    {"req", "iiiiiiiiii", "i",
     "url url_len method method_len headers headers_len buf buf_len ret_status ret_handle",
     ehttp_req_begin, ehttp_req_finish},
    {"close", "i", "i", "handle", ehttp_close, NULL},
    {"header_get", "iiiiii", "i", "handle name name_len buf buf_len ret_written", ehttp_header_get,
     NULL},
    {"headers_get_all", "iiii", "i", "handle buf buf_len ret_written", ehttp_headers_get_all, NULL},
    {"header_get_all", "iiii", "i", "handle buf buf_len ret_written", ehttp_header_get_all, NULL},
    {"body_read", "iiii", "i", "handle buf buf_len ret_read", ehttp_body_read_begin,
     ehttp_body_read_finish},
    {"req", "iii", "i", "url len ret_body_len", ehttp_alloc_begin, ehttp_alloc_finish},
    {"req", "iiiiiii", "i", "url len headers len ret_body_len ret_headers_len ret_headers",
     ehttp_alloc_begin, ehttp_alloc_finish},
    {"req", "iiiiiiii", "i",
     "url len headers len ret_body_len ret_headers_len ret_headers ret_status", ehttp_alloc_begin,
     ehttp_alloc_finish},
    {"req", "iiiiiiiiiiii", "i", "url len method len p4 p5 p6 p7 p8 p9 p10 p11", ehttp_req_begin,
     ehttp_req_finish},
    {"req", "iiiiiiiiiiiiiii", "i",
     "url len method len body len headers len p8 p9 p10 p11 p12 p13 p14", ehttp_alloc_begin,
     ehttp_alloc_finish},
};

const struct func_table experimental_http = {rows, ARRAY_COUNT(rows)};
