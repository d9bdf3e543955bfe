/* What can go wrong with a request of the client's. See error.h. */
#include "http/error.h"

#include <stddef.h>

#include "base/container.h"

static const struct {
    enum http_error kind;
    const char *text;
} errors[] = {
    [HTTP_OK] = {HTTP_OK, "no error"},
    [HTTP_BAD_URL] = {HTTP_BAD_URL, "the URL cannot be understood"},
    [HTTP_BAD_SCHEME] = {HTTP_BAD_SCHEME, "the URL's scheme is neither http nor https"},
    [HTTP_BAD_METHOD] = {HTTP_BAD_METHOD, "the method is none"},
    [HTTP_BAD_HEADER] = {HTTP_BAD_HEADER, "a header is malformed or not a guest's to set"},
    [HTTP_DENIED] = {HTTP_DENIED, "the destination is not allowed"},
    [HTTP_NO_NAME] = {HTTP_NO_NAME, "the name does not resolve"},
    [HTTP_NO_CONNECT] = {HTTP_NO_CONNECT, "no connection could be made"},
    [HTTP_NO_TLS] = {HTTP_NO_TLS, "TLS failed"},
    [HTTP_TIMED_OUT] = {HTTP_TIMED_OUT, "it took too long"},
    [HTTP_TOO_LARGE] = {HTTP_TOO_LARGE, "the response is larger than allowed"},
    [HTTP_TOO_MANY_REDIRECTS] = {HTTP_TOO_MANY_REDIRECTS, "too many redirects"},
    [HTTP_BROKEN] = {HTTP_BROKEN, "the peer broke off or spoke no HTTP"},
    [HTTP_NO_MEMORY] = {HTTP_NO_MEMORY, "out of memory"},
    [HTTP_URL_TOO_LONG] = {HTTP_BAD_URL, "the URL is too long"},
    [HTTP_HEADERS_TOO_LARGE] = {HTTP_BAD_HEADER, "the request has too many headers"},
    [HTTP_DENIED_ADDRESS] = {HTTP_DENIED, "the destination's address is not allowed"},
    [HTTP_NAME_UNANSWERED] = {HTTP_NO_NAME, "no name server answers"},
    [HTTP_NAME_FAILED] = {HTTP_NO_NAME, "asking for the name failed"},
    [HTTP_CONNECT_REFUSED] = {HTTP_NO_CONNECT, "the connection was refused"},
    [HTTP_UNREACHABLE] = {HTTP_NO_CONNECT, "the destination cannot be reached"},
    [HTTP_NO_SOCKETS] = {HTTP_NO_CONNECT, "there are no descriptors left"},
    [HTTP_CERTIFICATE] = {HTTP_NO_TLS, "the peer's certificate is not trusted"},
    [HTTP_NO_TRUST] = {HTTP_NO_TLS, "the trusted certificates cannot be read"},
    [HTTP_TLS_ALERT] = {HTTP_NO_TLS, "the peer broke off TLS with an alert"},
    [HTTP_NAME_TIMED_OUT] = {HTTP_TIMED_OUT, "resolving the name took too long"},
    [HTTP_CONNECT_TIMED_OUT] = {HTTP_TIMED_OUT, "connecting took too long"},
    [HTTP_FIRST_BYTE_TIMED_OUT] = {HTTP_TIMED_OUT, "no response came in time"},
    [HTTP_READ_TIMED_OUT] = {HTTP_TIMED_OUT, "the response stopped coming"},
    [HTTP_WRITE_TIMED_OUT] = {HTTP_TIMED_OUT, "the peer takes no more of the request"},
    [HTTP_HEAD_TOO_LARGE] = {HTTP_TOO_LARGE, "the response's head is larger than allowed"},
    [HTTP_BODY_TOO_LARGE] = {HTTP_TOO_LARGE, "the response's body is larger than allowed"},
    [HTTP_TRAILERS_TOO_LARGE] = {HTTP_TOO_LARGE, "the response's trailers are larger than allowed"},
    [HTTP_CLOSED] = {HTTP_BROKEN, "the peer broke off before it answered"},
    [HTTP_INCOMPLETE] = {HTTP_BROKEN, "the response is not complete"},
    [HTTP_TRANSFER_CODING] = {HTTP_BROKEN, "the response's chunks are malformed"},
    [HTTP_UPGRADED] = {HTTP_BROKEN, "the peer went over to another protocol"},
    [HTTP_NOT_HTTP] = {HTTP_BROKEN, "the peer spoke no HTTP"},
    [HTTP_LENGTH_REQUIRED] = {HTTP_BROKEN, "the peer takes only bodies of known length"},
    [HTTP_ABORTED] = {HTTP_BROKEN, "the request's body was not completed"},
};

const char *http_error_text(enum http_error error)
{
    return (size_t)error < ARRAY_COUNT(errors) ? errors[error].text : "an unknown error";
}

enum http_error http_error_kind(enum http_error error)
{
    return (size_t)error < ARRAY_COUNT(errors) ? errors[error].kind : HTTP_BROKEN;
}
