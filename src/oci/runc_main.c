/* hythe-runc: an OCI runtime that stands in front of the machine's own.
 *
 *   1. read the command line as far as needed, and find the real runtime
 *   2. `create` and `run`: if the bundle's container runs WebAssembly, have it run hythe
 *   3. become the real runtime, with the same arguments
 *
 * What fails before 3 is said once on stderr and once in the log that --log names; nothing has been
 * changed then. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oci/real.h"
#include "oci/report.h"
#include "oci/rewrite.h"
#include "oci/runtime_call.h"
#include "oci/settings.h"

static const char *const runtimes[] = {"runc", "crun", NULL};

/* Where the host's folder lies, from this program's own: installed, and in a build folder. */
static const char *const host_folders[] = {"../lib/hythe/portable", "../portable/hythe", NULL};

static const char default_cache[] = "/var/cache/hythe/containers";

static int rewrite(const struct runtime_call *call, const struct oci_settings *settings,
                   struct error *err)
{
    char beside[REAL_PATH_MAX];
    struct rewrite rewrite = {
        .bundle = call->bundle,
        .config = call->config,
        .host = settings->host,
        .cache = settings->cache != NULL ? settings->cache : default_cache,
        .is_activated = getenv("LISTEN_FDS") != NULL,
    };
    if (strcmp(rewrite.cache, "none") == 0) {
        rewrite.cache = NULL;
    }
    if (rewrite.host == NULL) {
        bool is_found = real_find_beside(host_folders, "ld.so", beside, /* err */ NULL) == 0;
        rewrite.host = is_found ? beside : "/usr/lib/hythe/portable"; /* named where it lacks */
    }
    return rewrite_bundle(&rewrite, err);
}

static int become(const char *path, char **argv, struct error *err)
{
    argv[0] = strdup(path); /* lives until the end, which is the next call */
    if (argv[0] != NULL) {
        (void)execv(path, argv);
    }
    return error_set_errno(err, argv[0] == NULL ? -ENOMEM : -errno, "starting %s", path);
}

static int work(const struct runtime_call *call, struct oci_settings *settings, char **argv,
                struct error *err)
{
    char real[REAL_PATH_MAX];
    int r = oci_settings_read(settings, err);
    if (r < 0) {
        return r;
    }
    const struct real_search search = {.given = settings->real, .names = runtimes};
    r = real_count_depth(err);
    if (r == 0) {
        r = real_find(&search, real, err);
    }
    if (r == 0 && call->is_create) {
        r = rewrite(call, settings, err);
    }
    return r < 0 ? r : become(real, argv, err);
}

int main(int argc, char **argv)
{
    static const char program[] = "hythe-runc";
    struct runtime_call call;
    struct oci_settings settings = {0};
    struct error err = {0};
    if (argc < 1) {
        report_error(program, /* log */ NULL, /* is_json */ false, "started without a name");
        return 1;
    }
    runtime_call_read(argc, argv, &call);
    int r = work(&call, &settings, argv, &err);
    report_error(program, call.log, call.is_log_json,
                 err.text[0] != '\0' ? err.text : strerror(-r));
    oci_settings_done(&settings);
    return 1;
}
