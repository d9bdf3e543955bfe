/* What can go wrong with a request of the client's. */
#ifndef HYTHE_HTTP_ERROR_H
#define HYTHE_HTTP_ERROR_H

/* Why there is no response, or not all of it. The broad kinds come first; the others say more, and
 * http_error_kind says of which kind each is. */
enum http_error {
    HTTP_OK,
    HTTP_BAD_URL,
    HTTP_BAD_SCHEME,
    HTTP_BAD_METHOD,
    HTTP_BAD_HEADER,
    HTTP_DENIED,  /* by may_request, or every address by may_dial */
    HTTP_NO_NAME, /* the name does not resolve */
    HTTP_NO_CONNECT,
    HTTP_NO_TLS,    /* the handshake */
    HTTP_TIMED_OUT, /* all of it together took too long */
    HTTP_TOO_LARGE,
    HTTP_TOO_MANY_REDIRECTS,
    HTTP_BROKEN, /* the peer broke off, or spoke no HTTP */
    HTTP_NO_MEMORY,

    HTTP_URL_TOO_LONG,         /* BAD_URL */
    HTTP_HEADERS_TOO_LARGE,    /* BAD_HEADER: those of the request */
    HTTP_DENIED_ADDRESS,       /* DENIED: by may_dial */
    HTTP_NAME_UNANSWERED,      /* NO_NAME: no server could say whether there is such a name */
    HTTP_NAME_FAILED,          /* NO_NAME: asking failed */
    HTTP_CONNECT_REFUSED,      /* NO_CONNECT: nobody listens there */
    HTTP_UNREACHABLE,          /* NO_CONNECT: no way leads there */
    HTTP_NO_SOCKETS,           /* NO_CONNECT: no descriptors left here */
    HTTP_CERTIFICATE,          /* NO_TLS: the peer's is not trusted, or for another name */
    HTTP_NO_TRUST,             /* NO_TLS: our own trusted certificates cannot be read */
    HTTP_TLS_ALERT,            /* NO_TLS: the peer sent one; http_exchange_alert */
    HTTP_NAME_TIMED_OUT,       /* TIMED_OUT, as the next: within the time to connect */
    HTTP_CONNECT_TIMED_OUT,    /* the connection, TLS included */
    HTTP_FIRST_BYTE_TIMED_OUT, /* the request is out, and no answer comes */
    HTTP_READ_TIMED_OUT,       /* between two pieces of the response */
    HTTP_WRITE_TIMED_OUT,      /* between two pieces of the request's body: the peer takes none */
    HTTP_HEAD_TOO_LARGE,       /* TOO_LARGE: head_max */
    HTTP_BODY_TOO_LARGE,       /* TOO_LARGE: body_max */
    HTTP_TRAILERS_TOO_LARGE,   /* TOO_LARGE: head_max, which is for head and trailers together */
    HTTP_CLOSED,               /* BROKEN, as all that follow: the connection, before a response */
    HTTP_INCOMPLETE,           /* the response */
    HTTP_TRANSFER_CODING,      /* chunks that are none */
    HTTP_UPGRADED,             /* to a protocol that nobody asked for */
    HTTP_NOT_HTTP,             /* what came breaks the protocol's rules */
    HTTP_LENGTH_REQUIRED,      /* an HTTP/1.0 peer, and a body of unknown length */
    HTTP_ABORTED,              /* by http_exchange_abort, or by a body of the wrong length */
};

/* In words that follow "failed:". */
const char *http_error_text(enum http_error error);

/* The broad kind, from HTTP_OK to HTTP_NO_MEMORY. */
enum http_error http_error_kind(enum http_error error);

#endif
