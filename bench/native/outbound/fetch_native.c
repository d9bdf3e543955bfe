/* The native side of fetch.h, on libcurl: GETs as curl's example multi-single.c makes them, with
 * one handle used again and again; the download by curl_easy_perform. */
#include "fetch.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

static size_t drop(char *bytes, size_t size, size_t count, void *data)
{
    struct fetch_result *result = data;

    (void)bytes;
    result->bytes += size * count;
    return size * count;
}

static void check(CURL *easy, CURLcode code)
{
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200) {
        fprintf(stderr, "fetch: %s, status %ld\n", curl_easy_strerror(code), status);
        exit(1);
    }
}

/* The example's loop. */
static void get(CURLM *multi, CURL *easy, struct fetch_result *result)
{
    int running = 1;
    int left = 0;

    curl_multi_add_handle(multi, easy);
    while (running > 0) {
        CURLMcode code = curl_multi_perform(multi, &running);
        if (code == CURLM_OK && running > 0) {
            code = curl_multi_poll(multi, NULL, 0, 1000, NULL);
        }
        if (code != CURLM_OK) {
            fprintf(stderr, "fetch: %s\n", curl_multi_strerror(code));
            exit(1);
        }
    }
    CURLMsg *message = curl_multi_info_read(multi, &left);
    check(easy, message != NULL ? message->data.result : CURLE_GOT_NOTHING);
    curl_multi_remove_handle(multi, easy);
    result->count++;
}

static void run_gets(CURL *easy, struct fetch_result *result, unsigned long count)
{
    CURLM *multi = curl_multi_init();

    for (int i = 0; i < FETCH_WARM; i++) {
        get(multi, easy, result);
    }
    *result = (struct fetch_result){0};
    uint64_t begin_ns = fetch_begin();
    while (result->count < count) {
        get(multi, easy, result);
    }
    fetch_end(result, begin_ns);
    curl_multi_cleanup(multi);
}

static void run_download(CURL *easy, struct fetch_result *result)
{
    /* As hythe has it: a smaller one would cost the twin system calls. */
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)FETCH_PART);
    uint64_t begin_ns = fetch_begin();
    check(easy, curl_easy_perform(easy));
    result->count = 1;
    fetch_end(result, begin_ns);
}

int main(int argc, char **argv)
{
    struct fetch_result result = {0};

    if (argc < (argc > 1 && strcmp(argv[1], "gets") == 0 ? 4 : 3)) {
        fputs("usage: fetch gets URL COUNT | fetch download URL\n", stderr);
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, argv[2]);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &result);
    if (strcmp(argv[1], "gets") == 0) {
        run_gets(easy, &result, strtoul(argv[3], NULL, 10));
    } else {
        run_download(easy, &result);
    }
    curl_easy_cleanup(easy);
    curl_global_cleanup();
    return 0;
}
