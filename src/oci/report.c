/* Errors of a runtime. See report.h. */
#include "oci/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "oci/file.h"

enum { REPORT_MAX = 64 << 10, REPORT_TIME_MAX = 32 };

int report_format(struct buffer *out, bool is_json, const char *text, time_t when)
{
    struct tm utc;
    char time_text[REPORT_TIME_MAX];
    if (gmtime_r(&when, &utc) == NULL ||
        strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) {
        return -EMSGSIZE;
    }
    int r = buffer_append(out, span_of(is_json ? "{\"level\":\"error\",\"msg\":" : "time=\""));
    if (r == 0 && !is_json) {
        r = buffer_printf(out, "%s\" level=error msg=", time_text);
    }
    /* Both forms of the log quote a text alike. */
    struct json_writer writer = {0};
    r = r < 0 ? r : json_append_tree(&writer, cJSON_CreateString(text), out);
    if (r == 0 && is_json) {
        r = buffer_printf(out, ",\"time\":\"%s\"}", time_text);
    }
    return r < 0 ? r : buffer_append(out, span_of("\n"));
}

static void write_log(const char *log, struct span line)
{
    /* containerd's is a FIFO, and somebody reads it. */
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
    if (fd >= 0) {
        (void)file_write(fd, line); /* stderr has it too */
        (void)close(fd);            /* as above */
    }
}

void report_error(const char *program, const char *log, bool is_json, const char *text)
{
    struct buffer line;
    buffer_init(&line, REPORT_MAX);
    if (buffer_printf(&line, "%s: %s", program, text) == 0) {
        for (size_t i = 0; i < line.len; i++) {
            line.data[i] = line.data[i] < ' ' || line.data[i] == 0x7f ? ' ' : line.data[i];
        }
        (void)buffer_append(&line, span_of("\n"));           /* else it has no line end */
        (void)file_write(STDERR_FILENO, buffer_span(&line)); /* nobody left to tell */
    }
    line.len = 0;
    if (log != NULL && report_format(&line, is_json, text, time(NULL)) == 0) {
        write_log(log, buffer_span(&line));
    }
    buffer_done(&line);
}
