/* A guest's responses and their handles. See http.h. */
#include <stdlib.h>

#include "base/container.h"
#include "imports/wasi_experimental_http/http.h"

static const char session_key; /* its address is the extension's key */

static void on_guest_done(struct guest_extension *extension)
{
    struct ehttp_session *session = container_of(extension, struct ehttp_session, extension);
    for (size_t i = 0; i < EHTTP_BUCKETS; i++) {
        struct list *bucket = &session->buckets[i];
        for (struct list *node = bucket->next, *next; node != bucket; node = next) {
            next = node->next;
            ehttp_response_free(container_of(node, struct ehttp_response, node));
        }
    }
    ehttp_response_free(session->pending);
    ehttp_transfer_free(session->transfer);
    free(session);
}

struct ehttp_session *ehttp_session_get(struct guest *guest)
{
    struct guest_extension *extension = guest_find_extension(guest, &session_key);
    if (extension != NULL) {
        return container_of(extension, struct ehttp_session, extension);
    }
    struct ehttp_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    session->guest = guest;
    for (size_t i = 0; i < EHTTP_BUCKETS; i++) {
        list_init(&session->buckets[i]);
    }
    session->extension.key = &session_key;
    session->extension.on_guest_done = on_guest_done;
    guest_extend(guest, &session->extension);
    return session;
}

bool ehttp_session_is_full(const struct ehttp_session *session)
{
    uint32_t max = session->guest->http_max_handles;
    return session->count >= (max == 0 || max > EHTTP_HANDLES_MAX ? EHTTP_HANDLES_MAX : max);
}

static struct list *bucket_of(struct ehttp_session *session, uint32_t handle)
{
    return &session->buckets[handle % EHTTP_BUCKETS];
}

struct ehttp_response *ehttp_session_find(struct ehttp_session *session, uint32_t handle)
{
    struct list *bucket = bucket_of(session, handle);
    for (struct list *node = bucket->next; node != bucket; node = node->next) {
        struct ehttp_response *response = container_of(node, struct ehttp_response, node);
        if (response->handle == handle) {
            return response;
        }
    }
    return NULL;
}

void ehttp_session_insert(struct ehttp_session *session, struct ehttp_response *response)
{
    /* The cursor stays on the handle given out: closed at once, it is the next one again. */
    while (ehttp_session_find(session, session->cursor) != NULL) {
        session->cursor++;
    }
    response->handle = session->cursor;
    list_append(bucket_of(session, response->handle), &response->node);
    session->count++;
}

struct ehttp_response *ehttp_response_new(struct ehttp_session *session)
{
    struct ehttp_response *response = calloc(1, sizeof *response);
    if (response != NULL) {
        response->session = session;
        list_init(&response->node);
    }
    return response;
}

void ehttp_response_free(struct ehttp_response *response)
{
    if (response == NULL) {
        return;
    }
    if (!list_empty(&response->node)) {
        list_remove(&response->node);
        response->session->count--;
    }
    if (response->session->awaited == response) {
        response->session->awaited = NULL;
    }
    http_exchange_close(response->exchange);
    free(response);
}

static void on_event(void *context)
{
    struct ehttp_response *response = context;
    struct ehttp_session *session = response->session;
    if (session->awaited == response) {
        guest_wake(session->guest);
    }
}

enum http_error ehttp_response_begin(struct ehttp_response *response,
                                     const struct http_request *request)
{
    struct http_client *client = response->session->guest->http;
    return http_exchange_begin(client, request, on_event, response, &response->exchange);
}

int32_t ehttp_response_wait(struct ehttp_response *response)
{
    struct ehttp_session *session = response->session;
    if (guest_wait_begin(session->guest, UINT64_MAX) < 0) {
        session->awaited = NULL;
        return EHTTP_RUNTIME;
    }
    session->awaited = response;
    return CALL_WAIT;
}

int32_t ehttp_code_from(enum http_error error)
{
    switch (http_error_kind(error)) {
    case HTTP_OK:
        return EHTTP_SUCCESS;
    case HTTP_BAD_URL:
        return EHTTP_INVALID_URL;
    case HTTP_BAD_METHOD:
        return EHTTP_INVALID_METHOD;
    case HTTP_BAD_HEADER:
        return EHTTP_INVALID_ENCODING;
    case HTTP_DENIED:
        return EHTTP_NOT_ALLOWED;
    case HTTP_NO_MEMORY:
        return EHTTP_RUNTIME;
    default:
        return EHTTP_REQUEST;
    }
}
