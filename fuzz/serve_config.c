/* Configurations: a TOML text, and behind a NUL lines KEY=VALUE as --set has them. Whatever comes in,
 * reading ends with a configuration that keeps its promises or with words and exit code 2. */
#include <strings.h>

#include "config/serve.h"

#include "input.h"

enum { LINES_SHOWN = 11 };

static void check_error(const struct error *err)
{
    unsigned lines = 1;
    must(err->exit == 2);
    must(err->text[0] != '\0');
    for (const char *c = err->text; *c != '\0'; c++) {
        must((unsigned char)*c >= 0x20 || *c == '\n');
        lines += *c == '\n';
    }
    must(lines <= LINES_SHOWN);
}

static void check_route(const struct serve_route *route)
{
    int things = (route->module != NULL) + (route->root != NULL) + (route->to != NULL) +
                 (route->body != NULL);
    must(things == 1);
    must(route->path[0] == '/' && route->name != NULL);
    must(strchr(route->path, '\n') == NULL && strstr(route->path, "/../") == NULL);
    must(route->guest.max_memory >= 65536 && route->guest.max_fds > 0);
    must(route->reuse > 0);
    must((route->module != NULL) == (route->kind <= SERVE_WASI_HTTP));
    for (uint32_t i = 0; i < route->headers.count; i++) {
        const struct serve_pair *header = &route->headers.items[i];
        must(strpbrk(header->name, "\r\n: ") == NULL && strpbrk(header->value, "\r\n") == NULL);
        must(strcasecmp(header->name, "content-length") != 0);
    }
    must(route->to == NULL || strpbrk(route->to, "\r\n") == NULL);
    must(route->type == NULL || strpbrk(route->type, "\r\n") == NULL);
}

static void check_config(const struct serve_config *config)
{
    must(config->listener_count > 0 && config->route_count > 0);
    must(config->limits.head_bytes > 0 && config->limits.requests > 0);
    for (uint32_t i = 0; i < config->listener_count; i++) {
        must(config->listeners[i].address != NULL);
        must(!config->listeners[i].is_tls || config->tls.certificate_count > 0);
    }
    for (uint32_t i = 0; i < config->tls.certificate_count; i++) {
        must(config->tls.certificates[i].key != NULL);
    }
    for (uint32_t i = 0; i < config->route_count; i++) {
        check_route(&config->routes[i]);
    }
}

/* Each line sets a key; the text is changed. */
static void set_lines(struct serve_config *config, char *text)
{
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *equals = strchr(line, '=');
        struct error err = {0};
        if (equals != NULL) {
            *equals = '\0';
            int r = serve_config_set(config, line, equals + 1, &err);
            must(r == 0 || err.text[0] != '\0');
        }
    }
}

static void finish(struct serve_config *config)
{
    struct error err = {0};
    if (serve_config_finish(config, &err) < 0) {
        check_error(&err);
    } else {
        check_config(config);
        must(serve_config_finish(config, &err) == 0); /* again, as a reload may */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *nul = len > 0 ? memchr(data, 0, len) : NULL;
    size_t text_len = nul != NULL ? (size_t)(nul - data) : len;
    struct input rest = {data + text_len, len - text_len};
    struct serve_config config;
    struct error err = {0};
    (void)input_take(&rest, 1);
    char *lines = input_text(&rest);
    /* On the heap and without a NUL behind it, so that a read past its end is seen. */
    char *text = malloc(text_len > 0 ? text_len : 1);
    if (text != NULL && lines != NULL) {
        memcpy(text, data, text_len);
        serve_config_init(&config);
        int r = nul == data ? serve_config_add_module(&config, "m.wasm", &err)
                            : serve_config_parse(&config, "d/f.toml", text, text_len, &err);
        if (r < 0) {
            check_error(&err);
        } else {
            set_lines(&config, lines);
            finish(&config);
        }
        serve_config_done(&config);
    }
    free(text);
    free(lines);
    return 0;
}
