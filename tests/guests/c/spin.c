/* Loops for ever without a host call: only a deadline ends it. */
#include <stdint.h>
#include <stdio.h>

int main(void)
{
    volatile uint64_t turns = 0;

    puts("spinning");
    fflush(stdout);
    for (;;) {
        turns++;
    }
}
