/* Opening libcurl. See curl.h. */
#include "http/curl.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "base/container.h"

static const char library_name[] = "libcurl.so.4";

/* Where each function goes. */
static const struct {
    const char *name;
    size_t offset;
} functions[] = {
    {"curl_global_init", offsetof(struct curl_library, global_init)},
    {"curl_easy_init", offsetof(struct curl_library, easy_init)},
    {"curl_easy_cleanup", offsetof(struct curl_library, easy_cleanup)},
    {"curl_easy_reset", offsetof(struct curl_library, easy_reset)},
    {"curl_easy_setopt", offsetof(struct curl_library, easy_setopt)},
    {"curl_easy_getinfo", offsetof(struct curl_library, easy_getinfo)},
    {"curl_easy_pause", offsetof(struct curl_library, easy_pause)},
    {"curl_easy_strerror", offsetof(struct curl_library, easy_strerror)},
    {"curl_multi_init", offsetof(struct curl_library, multi_init)},
    {"curl_multi_cleanup", offsetof(struct curl_library, multi_cleanup)},
    {"curl_multi_setopt", offsetof(struct curl_library, multi_setopt)},
    {"curl_multi_add_handle", offsetof(struct curl_library, multi_add_handle)},
    {"curl_multi_remove_handle", offsetof(struct curl_library, multi_remove_handle)},
    {"curl_multi_assign", offsetof(struct curl_library, multi_assign)},
    {"curl_multi_socket_action", offsetof(struct curl_library, multi_socket_action)},
    {"curl_multi_info_read", offsetof(struct curl_library, multi_info_read)},
    {"curl_slist_append", offsetof(struct curl_library, slist_append)},
    {"curl_slist_free_all", offsetof(struct curl_library, slist_free_all)},
    {"curl_url", offsetof(struct curl_library, url)},
    {"curl_url_cleanup", offsetof(struct curl_library, url_cleanup)},
    {"curl_url_get", offsetof(struct curl_library, url_get)},
    {"curl_url_set", offsetof(struct curl_library, url_set)},
    {"curl_free", offsetof(struct curl_library, free)},
};

static int find_functions(struct curl_library *curl, struct error *err)
{
    for (size_t i = 0; i < ARRAY_COUNT(functions); i++) {
        void *function = dlsym(curl->handle, functions[i].name);
        if (function == NULL) {
            return error_set(err, -ENOENT,
                             "%s is too old: it has no %s; install libcurl4 of Debian "
                             "12 or newer",
                             library_name, functions[i].name);
        }
        memcpy((char *)curl + functions[i].offset, &function, sizeof function);
    }
    return 0;
}

/* Found through libcurl, whose own dependency it is. */
static void find_idn(struct curl_library *curl)
{
    void *lookup = dlsym(curl->handle, "idn2_lookup_u8");
    void *release = dlsym(curl->handle, "idn2_free");
    if (lookup != NULL && release != NULL) {
        memcpy(&curl->idn_lookup, &lookup, sizeof lookup);
        memcpy(&curl->idn_free, &release, sizeof release);
    }
}

int curl_library_open(struct curl_library *curl, struct error *err)
{
    /* It stays in the process: what it depends on has state per thread and work to do at exit, and
     * does not bear being unmapped. */
    int flags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
    *curl = (struct curl_library){.handle = dlopen(library_name, flags)};
    if (curl->handle == NULL) {
        return error_set(err, -ENOENT,
                         "the guest calls out over HTTP, and for that hythe needs %s: install "
                         "libcurl4 (%s)",
                         library_name, dlerror());
    }
    int r = find_functions(curl, err);
    find_idn(curl);
    if (r == 0 && curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        r = error_set(err, -EIO, "%s cannot be initialised", library_name);
    }
    if (r < 0) {
        curl_library_close(curl);
    }
    return r;
}

void curl_library_close(struct curl_library *curl)
{
    if (curl->handle != NULL) {
        (void)dlclose(curl->handle); /* fails only for handles that are none */
        curl->handle = NULL;
    }
}
