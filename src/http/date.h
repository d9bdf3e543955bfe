/* Dates as HTTP writes them. */
#ifndef HYTHE_HTTP_DATE_H
#define HYTHE_HTTP_DATE_H

#include <time.h>

enum { HTTP_DATE_MAX = 30 };

/* Write an HTTP date (RFC 9110 section 5.6.7), with its NUL. It has four digits for the year: what is
 * outside of 1900 to 9999 becomes the first second of 1970. */
void http_date_print(time_t when, char text[HTTP_DATE_MAX]);

#endif
