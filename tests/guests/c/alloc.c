/* Allocates and touches memory for ever; a host that refuses more makes it abort, as most do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_LEN = 1 << 20 };

int main(void)
{
    for (unsigned steps = 1;; steps++) {
        char *block = malloc(STEP_LEN);
        if (block == NULL) {
            printf("no more memory after %u MiB\n", steps - 1);
            fflush(stdout);
            abort();
        }
        memset(block, (int)steps, STEP_LEN);
        /* The address escapes, so the compiler must keep the allocation. */
        __asm__ volatile("" : : "r"(block) : "memory");
    }
}
