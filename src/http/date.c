/* Dates as HTTP writes them. See date.h. */
#include "http/date.h"

#include <stdio.h>
#include <string.h>

enum { YEAR_MAX = 9999 };

void http_date_print(time_t when, char text[HTTP_DATE_MAX])
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm = {0};
    if (gmtime_r(&when, &tm) == NULL || tm.tm_year < 0 || tm.tm_year > YEAR_MAX - 1900) {
        memset(&tm, 0, sizeof tm);
        tm.tm_year = 70;
        tm.tm_mday = 1;
        tm.tm_wday = 4;
    }
    /* The remainders change nothing: they show the compiler that the text always fits. */
    (void)snprintf(text, HTTP_DATE_MAX, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
                   days[tm.tm_wday % 7], (unsigned)tm.tm_mday % 100, months[tm.tm_mon % 12],
                   ((unsigned)tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
                   (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}
