/* Engines that read a folder of files, of which one is ours, and Kubernetes. See install_parts.h. */
#include <errno.h>
#include <stdio.h>

#include "oci/install_parts.h"

/* The first line of what is ours as a whole. */
static const char mark[] = "# Written by 'hythe install'; '--remove' removes it.\n";

static int check_ours(const struct install *in, struct error *err)
{
    size_t len = sizeof mark - 1;
    bool is_ours = in->before.len >= len && memcmp(in->before.data, mark, len) == 0;
    if (is_ours || install_is_blank(in->before)) {
        return 0;
    }
    return error_set(
        err, -EEXIST,
        "%s was not written by 'hythe install', so it stays; move it away and try again", in->path);
}

static int put(const struct install *in, install_text_fn *print, struct buffer *out,
               struct error *err)
{
    int r = check_ours(in, err);
    r = r < 0 ? r : buffer_append(out, span_of(mark));
    return r < 0 ? r : print(in, out, err);
}

int install_dropin_drop(const struct install *in, struct buffer *out, struct error *err)
{
    (void)out; /* stays empty: the file goes */
    return check_ours(in, err);
}

/* podman 4.4 and newer choose by the image's platform; older ones pass over that table. */
int install_podman_print(const struct install *in, struct buffer *out, struct error *err)
{
    (void)err; /* only memory can lack */
    return buffer_printf(
        out,
        "[engine.runtimes]\n"
        "hythe = [\"%s/bin/hythe-runc\"]\n"
        "\n"
        "# Images of these platforms are run by hythe without --runtime (podman 4.4 "
        "and newer).\n"
        "[engine.platform_to_oci_runtime]\n"
        "\"wasi/wasm\" = \"hythe\"\n"
        "\"wasi/wasm32\" = \"hythe\"\n",
        in->prefix);
}

int install_podman_put(const struct install *in, struct buffer *out, struct error *err)
{
    return put(in, install_podman_print, out, err);
}

int install_crio_print(const struct install *in, struct buffer *out, struct error *err)
{
    (void)err; /* only memory can lack */
    return buffer_printf(out,
                         "[crio.runtime.runtimes.hythe]\n"
                         "runtime_path = \"%s/bin/hythe-runc\"\n"
                         "runtime_type = \"oci\"\n"
                         "runtime_root = \"/run/hythe-runc\"\n",
                         in->prefix);
}

int install_crio_put(const struct install *in, struct buffer *out, struct error *err)
{
    return put(in, install_crio_print, out, err);
}

int install_k8s_print(const struct install *in, struct buffer *out, struct error *err)
{
    (void)in;  /* the same everywhere */
    (void)err; /* only memory can lack */
    return buffer_append(out,
                         span_of("apiVersion: node.k8s.io/v1\n"
                                 "kind: RuntimeClass\n"
                                 "metadata:\n"
                                 "  name: hythe\n"
                                 "# The name under which containerd or CRI-O know the runtime.\n"
                                 "handler: hythe\n"
                                 "scheduling:\n"
                                 "  nodeSelector:\n"
                                 "    # Put it on nodes that have it: kubectl label node NODE "
                                 "hythe.io/runtime=yes\n"
                                 "    hythe.io/runtime: \"yes\"\n"));
}
