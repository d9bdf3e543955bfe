/* The one sink for what hythe says of itself. Each line goes to stderr in one write, prefixed
 * "hythe: ". Only cli, oci and the server's own logs call this; libraries return errors. The
 * refusal and trace lines of a guest come here through the guest's own report function. */
#ifndef HYTHE_BASE_LOG_H
#define HYTHE_BASE_LOG_H

/* Write one line. A line past 8 KiB is cut. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
