/* What libcurl's and the resolver's failures are to a guest. See exchange.h. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "http/exchange.h"

/* OpenSSL's numbers: the reason is in the lower bits, and an alert of the peer's is one of these. */
enum { SSL_REASON = 0x7fffff, SSL_ALERT_FIRST = 1000, SSL_ALERT_LAST = 1255 };

enum http_error exchange_error_of_name(int eai_error)
{
    switch (eai_error) {
    case 0:
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return HTTP_NO_NAME;
    case EAI_AGAIN:
        return HTTP_NAME_UNANSWERED;
    default:
        return HTTP_NAME_FAILED;
    }
}

static enum http_error error_of_errno(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return HTTP_CONNECT_REFUSED;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
    case ETIMEDOUT:
        return HTTP_UNREACHABLE;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
        return HTTP_NO_SOCKETS;
    default:
        return HTTP_NO_CONNECT;
    }
}

static enum http_error error_of_connect(const struct http_exchange *exchange)
{
    long error = exchange->socket_error;
    if (exchange->was_denied) {
        return HTTP_DENIED_ADDRESS;
    }
    if (error == 0) {
        (void)exchange->client->curl->easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &error);
    }
    return error_of_errno((int)error);
}

static uint32_t parse_hex(const char *text)
{
    uint32_t number = 0;
    for (unsigned i = 0; i < 8 && isxdigit((unsigned char)text[i]); i++) {
        int digit = tolower((unsigned char)text[i]);
        number = number << 4 | (uint32_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    return number;
}

/* libcurl gives "OpenSSL/3.0.1: error:0A000410:SSL routines::..." */
static enum http_error error_of_handshake(struct http_exchange *exchange)
{
    static const char mark[] = "error:";
    const char *at = strstr(exchange->reason, mark);
    uint32_t reason = at != NULL ? parse_hex(at + sizeof mark - 1) & SSL_REASON : 0;
    if (reason < SSL_ALERT_FIRST || reason > SSL_ALERT_LAST) {
        return HTTP_NO_TLS;
    }
    exchange->alert = (uint8_t)(reason - SSL_ALERT_FIRST);
    return HTTP_TLS_ALERT;
}

/* It came to an end while something was expected. */
static enum http_error error_of_end(const struct http_exchange *exchange)
{
    long status = 0;
    (void)exchange->client->curl->easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 101) {
        return HTTP_UPGRADED;
    }
    return exchange->head_bytes == 0 ? HTTP_CLOSED : HTTP_INCOMPLETE;
}

enum http_error exchange_error_of(struct http_exchange *exchange, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return exchange->has_head ? HTTP_OK : error_of_end(exchange);
    case CURLE_COULDNT_RESOLVE_HOST:
        return HTTP_NO_NAME;
    case CURLE_COULDNT_RESOLVE_PROXY:
        return HTTP_NAME_FAILED;
    case CURLE_COULDNT_CONNECT:
        return error_of_connect(exchange);
    case CURLE_OPERATION_TIMEDOUT:
        return loop_clock_ns() >= exchange->deadline_ns ? HTTP_TIMED_OUT : HTTP_CONNECT_TIMED_OUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
        return error_of_handshake(exchange);
    case CURLE_PEER_FAILED_VERIFICATION:
        return HTTP_CERTIFICATE;
    case CURLE_SSL_CACERT_BADFILE:
        return HTTP_NO_TRUST;
    case CURLE_OUT_OF_MEMORY:
        /* Also libcurl's word for a header line past its own limit of 100 KiB. */
        return exchange->has_head ? HTTP_NO_MEMORY : HTTP_HEAD_TOO_LARGE;
    case CURLE_RECV_ERROR:
        return strstr(exchange->reason, "chunked-encoding") != NULL ? HTTP_TRANSFER_CODING
                                                                    : error_of_end(exchange);
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND: /* the same, on a connection that had served before */
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2_STREAM:
        return error_of_end(exchange);
    case CURLE_UPLOAD_FAILED:
        return HTTP_LENGTH_REQUIRED; /* libcurl's own judgement: nothing else ends so */
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
        return HTTP_NOT_HTTP;
    default:
        return HTTP_BROKEN;
    }
}
