/*
 * The smallest CGI answer, in one write: what the benchmarks measure.
 */
#include <unistd.h>

int main(void)
{
    static const char answer[] = "Content-Type: text/plain\n\nhello\n";
    return write(1, answer, sizeof answer - 1) == (ssize_t)(sizeof answer - 1) ? 0 : 1;
}
