/* Telling systemd how the service does (sd_notify(3)), without its library. */
#ifndef HYTHE_SERVE_NOTIFY_H
#define HYTHE_SERVE_NOTIFY_H

/* Send a state such as "READY=1" to $NOTIFY_SOCKET. 0, also when there is none, or a negative
 * errno. */
int notify_send(const char *state);

/* Send "RELOADING=1" with the time that systemd wants beside it. */
int notify_reloading(void);

#endif
