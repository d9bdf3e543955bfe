/* The routes of a site as a table for people. */
#include <stdio.h>

#include "handlers/internal.h"

enum { CELL_MAX = 256, COLUMNS = 5 };

struct row {
    char cells[COLUMNS][CELL_MAX];
};

static const char *kind_text(enum serve_kind kind)
{
    static const char *const texts[] = {
        [SERVE_AUTO] = "auto",           [SERVE_CGI] = "cgi",
        [SERVE_WAGI] = "wagi",           [SERVE_WCGI] = "wcgi",
        [SERVE_WASI_HTTP] = "wasi-http", [SERVE_FILES] = "files",
        [SERVE_REDIRECT] = "redirect",   [SERVE_TEXT] = "text",
    };
    return texts[kind];
}

static void print_limits(const struct serve_route *config, char *cell)
{
    const struct serve_guest *guest = &config->guest;
    size_t len = 0;
    const struct {
        const char *name;
        double value;
        const char *unit;
    } limits[] = {
        {"memory", (double)guest->max_memory / (1 << 20), " MiB"},
        {"cpu", (double)guest->cpu_ns / 1e9, " s"},
        {"wall", (double)guest->wall_ns / 1e9, " s"},
        {"body", (double)config->body_max / (1 << 20), " MiB"},
        {"concurrency", (double)config->concurrency, ""},
    };
    cell[0] = '\0';
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (limits[i].value > 0 && len < CELL_MAX) {
            len += (size_t)snprintf(cell + len, CELL_MAX - len, "%s%s %.6g%s", len > 0 ? ", " : "",
                                    limits[i].name, limits[i].value, limits[i].unit);
        }
    }
}

static void fill_row(const struct site_route *route, struct row *row)
{
    const struct serve_route *config = route->config;
    const char *what = "";
    row->cells[4][0] = '\0';
    switch (route->kind) {
    case SERVE_FILES:
        what = config->root;
        break;
    case SERVE_REDIRECT:
        what = config->to;
        break;
    case SERVE_TEXT:
        what = config->type != NULL ? config->type : "text/plain";
        break;
    default:
        what = config->module;
        print_limits(config, row->cells[4]);
        break;
    }
    (void)snprintf(row->cells[0], CELL_MAX, "%s", config->host != NULL ? config->host : "*");
    (void)snprintf(row->cells[1], CELL_MAX, "%s", route->pattern);
    (void)snprintf(row->cells[2], CELL_MAX, "%s", kind_text(route->kind));
    (void)snprintf(row->cells[3], CELL_MAX, "%s%s%s", what, route->entry != NULL ? " " : "",
                   route->entry != NULL ? route->entry : ""); /* all may be cut */
}

static void widen(size_t widths[COLUMNS], const struct row *row)
{
    for (int i = 0; i < COLUMNS; i++) {
        size_t len = strlen(row->cells[i]);
        widths[i] = len > widths[i] ? len : widths[i];
    }
}

static int print_row(const size_t widths[COLUMNS], const struct row *row, struct buffer *out)
{
    int r = 0;
    for (int i = 0; r == 0 && i < COLUMNS; i++) {
        bool is_last = i + 1 == COLUMNS;
        r = buffer_printf(out, "%-*s%s", is_last ? 0 : (int)widths[i], row->cells[i],
                          is_last ? "" : "  ");
    }
    while (r == 0 && out->len > 0 && out->data[out->len - 1] == ' ') {
        out->len--;
    }
    return r == 0 ? buffer_printf(out, "\n") : r;
}

int site_describe(const struct site *site, struct buffer *out)
{
    static const struct row title = {{"host", "path", "kind", "what", "limits"}};
    size_t widths[COLUMNS] = {0};
    struct row row;
    widen(widths, &title);
    for (uint32_t i = 0; i < site->route_count; i++) {
        fill_row(site->routes[i], &row);
        widen(widths, &row);
    }
    int r = print_row(widths, &title, out);
    for (uint32_t i = 0; r == 0 && i < site->route_count; i++) {
        fill_row(site->routes[i], &row);
        r = print_row(widths, &row, out);
    }
    return r;
}
