/* Rules of --allow-listen and --allow-connect, one a line, and questions to the policy they make. */
#include <stdbool.h>

#include "guest/policy.h"
#include "input.h"

static void ask(struct policy *policy, const char *text)
{
    struct net_address address;
    struct error err = {0};
    must(net_address_parse(text, &address, &err) == 0);
    bool may_listen = policy_may_listen(policy, &address);
    bool may_connect = policy_may_connect(policy, &address);
    must(policy->listen.count > 0 || !may_listen);
    must(policy->connect.count > 0 || !may_connect);
    (void)policy_note_resolved(policy, "example.org", &address); /* no memory: nothing is noted */
    (void)policy_may_connect(policy, &address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = {data, len};
    struct policy policy;
    char *text = input_text(&in);
    char *rest = text;
    if (text == NULL) {
        return 0;
    }
    policy_init(&policy);
    for (char *rule = strsep(&rest, "\n"); rule != NULL; rule = strsep(&rest, "\n")) {
        struct error err = {0};
        int r = policy_allow_listen(&policy, rule, &err);
        must(r == 0 || err.text[0] != '\0');
        err = (struct error){0};
        r = policy_allow_connect(&policy, rule, &err);
        must(r == 0 || err.text[0] != '\0');
    }
    ask(&policy, "127.0.0.1:80");
    ask(&policy, "[::ffff:10.1.2.3]:65535");
    ask(&policy, "[2001:db8::1]:0");
    ask(&policy, "unix:/tmp/x/y");
    (void)policy_may_resolve(&policy, "example.org");
    (void)policy_may_resolve(&policy, "");
    (void)policy_knows_unix(&policy);
    policy_done(&policy);
    free(text);
    return 0;
}
