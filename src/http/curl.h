/* libcurl, opened when first needed: programs whose guests do not call out start without its forty
 * libraries. One table of the functions that hythe uses, so that all calls of it stand here. */
#ifndef HYTHE_HTTP_CURL_H
#define HYTHE_HTTP_CURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <stdint.h>

#include "base/error.h"

struct curl_library {
    void *handle; /* owned */
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *easy);
    void (*easy_reset)(CURL *easy);
    CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
    CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
    CURLcode (*easy_pause)(CURL *easy, int bitmask);
    const char *(*easy_strerror)(CURLcode code);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_cleanup)(CURLM *multi);
    CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
    CURLMcode (*multi_add_handle)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_assign)(CURLM *multi, curl_socket_t socket, void *data);
    CURLMcode (*multi_socket_action)(CURLM *multi, curl_socket_t socket, int events, int *running);
    CURLMsg *(*multi_info_read)(CURLM *multi, int *left);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
    CURLU *(*url)(void);
    void (*url_cleanup)(CURLU *url);
    CURLUcode (*url_get)(const CURLU *url, CURLUPart part, char **ret_text, unsigned flags);
    CURLUcode (*url_set)(CURLU *url, CURLUPart part, const char *text, unsigned flags);
    void (*free)(void *text);

    /* libidn2's, when libcurl is linked with it; otherwise NULL. libcurl itself converts names from
     * the locale's encoding, and there is no locale here. */
    int (*idn_lookup)(const uint8_t *name, uint8_t **ret_ascii, int flags);
    void (*idn_free)(void *text);
};

/* Open libcurl. 0, or -ENOENT with what to install in `err`. */
int curl_library_open(struct curl_library *curl, struct error *err);

/* Close it; nothing of it may be in use. Harmless when not open. */
void curl_library_close(struct curl_library *curl);

#endif
