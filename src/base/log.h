/* The one sink for what hythe says of itself. Each line goes to stderr in one write, prefixed
 * "hythe: ". Only cli, oci and host call this, host for what it runs by itself (listeners, workers,
 * refusals, traces); all other rooms return errors. */
#ifndef HYTHE_BASE_LOG_H
#define HYTHE_BASE_LOG_H

/* Write one line. A line past 8 KiB is cut. What could steer a terminal is shown as "?": names in
 * a guest's backtrace are the guest's choice. Line ends within the text stay. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
