/*
 * A WAGI module that names routes of its own: "_routes" is asked once, before anything is served.
 */
#include <stdio.h>
#include <stdlib.h>

__attribute__((export_name("_routes"))) void name_routes(void);
__attribute__((export_name("hello"))) void hello(void);
__attribute__((export_name("goodbye"))) void goodbye(void);

static void answer(const char *who)
{
    const char *script = getenv("SCRIPT_NAME");
    const char *info = getenv("PATH_INFO");
    printf("Content-Type: text/plain\n\n%s at %s, %s\n", who, script != NULL ? script : "nowhere",
           info != NULL ? info : "");
    (void)fflush(stdout);
}

void name_routes(void)
{
    puts("/hello hello");
    puts("/goodbye/... goodbye");
    puts("/main _start");
    (void)fflush(stdout);
}

void hello(void)
{
    answer("hello");
}

void goodbye(void)
{
    answer("goodbye");
}

int main(void)
{
    answer("main");
    return 0;
}
