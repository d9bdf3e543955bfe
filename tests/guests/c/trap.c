/*
 * Traps in a way of the caller's choice, three named functions deep, so that a backtrace has
 * something to show.
 *
 *   trap [unreachable|memory|divide|stack|indirect]
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Read at run time, or the compiler would see the trap coming and do as it likes. */
static volatile int zero = 0;
static volatile uintptr_t far_away = 0xfffffff0u;

typedef int two_arguments(int a, int b);

static int one_argument(int a)
{
    return a;
}

static void *volatile wrong_type = (void *)one_argument;

/* Keeps nothing in linear memory, so that it is the host's stack that ends. */
__attribute__((noinline)) static int endless(int depth)
{
    return depth < 0 ? depth : endless(depth + 1 + zero) + zero;
}

__attribute__((noinline)) static int innermost(const char *how)
{
    if (strcmp(how, "memory") == 0) {
        return *(volatile int *)far_away;
    }
    if (strcmp(how, "divide") == 0) {
        return 100 / zero;
    }
    if (strcmp(how, "stack") == 0) {
        return endless(zero);
    }
    if (strcmp(how, "indirect") == 0) {
        return ((two_arguments *)wrong_type)(zero, zero);
    }
    __builtin_trap();
}

__attribute__((noinline)) static int middle(const char *how)
{
    return innermost(how) + zero;
}

__attribute__((noinline)) static int outer(const char *how)
{
    return middle(how) + zero;
}

int main(int argc, char **argv)
{
    puts("about to trap");
    fflush(stdout);
    return outer(argc > 1 ? argv[1] : "unreachable");
}
