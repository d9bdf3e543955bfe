/* Dates as HTTP writes them, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/container.h"
#include "http/date.h"

static void dates(void **state)
{
    (void)state;
    static const struct {
        time_t when;
        const char *text;
    } cases[] = {
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"}, /* the RFC's own */
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {1767225599, "Wed, 31 Dec 2025 23:59:59 GMT"},
        {INT32_MAX, "Tue, 19 Jan 2038 03:14:07 GMT"},
        {(time_t)INT32_MAX + 1, "Tue, 19 Jan 2038 03:14:08 GMT"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[HTTP_DATE_MAX];
        http_date_print(cases[i].when, text);
        assert_string_equal(text, cases[i].text);
    }
}

/* A file may say that it is of the year 100,000; a header may not. */
static void years_that_have_no_date(void **state)
{
    (void)state;
    static const time_t last = 253402300799; /* of the year 9999 */
    static const time_t first = -2208988800; /* of the year 1900 */
    char text[HTTP_DATE_MAX];
    http_date_print(last, text);
    assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
    http_date_print(first, text);
    assert_string_equal(text, "Mon, 01 Jan 1900 00:00:00 GMT");
    const time_t others[] = {last + 1, first - 1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        http_date_print(others[i], text);
        assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates),
        cmocka_unit_test(years_that_have_no_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
