/* Configuration files of container engines: what is put in, what stays, and what comes out again. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "config/options.h"
#include "oci/file.h"
#include "oci/install.h"
#include "oci/install_parts.h"

enum { TEXT_MAX = 1 << 20 };

/* -- from text to text ------------------------------------------------------------------------ */

static char last_notes[1024];

/* What a function makes of a text: owned, or NULL with the reason in `err`. */
static char *make(install_text_fn *fn, const char *before, struct error *err)
{
    struct buffer out;
    struct buffer notes;
    buffer_init(&out, TEXT_MAX);
    buffer_init(&notes, TEXT_MAX);
    *err = (struct error){0};
    const struct install in = {
        .prefix = "/opt/h",
        .path = "/etc/FILE",
        .before = span_of(before),
        .notes = &notes,
    };
    int r = fn(&in, &out, err);
    char *text = r < 0 ? NULL : strndup(out.len > 0 ? (const char *)out.data : "", out.len);
    assert_true(r < 0 ? err->code == r : text != NULL);
    assert_true(notes.len < sizeof last_notes);
    (void)snprintf(last_notes, sizeof last_notes, "%.*s", (int)notes.len,
                   notes.len > 0 ? (const char *)notes.data : "");
    buffer_done(&out);
    buffer_done(&notes);
    return text;
}

static void makes(install_text_fn *fn, const char *before, const char *after)
{
    struct error err;
    char *text = make(fn, before, &err);
    if (text == NULL) {
        fail_msg("refused: %s", err.text);
    }
    assert_string_equal(text, after);
    free(text);
}

static void refuses(install_text_fn *fn, const char *before, const char *why)
{
    struct error err;
    char *text = make(fn, before, &err);
    assert_null(text);
    if (strstr(err.text, why) == NULL) {
        fail_msg("'%s' lacks '%s'", err.text, why);
    }
}

/* Put, put again, and take out. */
static void goes_and_comes(install_text_fn *put, install_text_fn *drop, const char *before,
                           const char *after)
{
    makes(put, before, after);
    makes(put, after, after);
    makes(drop, after, before);
    makes(drop, before, before);
}

#define OWN "\"hythe\": {\n            \"path\": \"/opt/h/bin/hythe-runc\"\n        }"
#define ALL "{\n    \"runtimes\": {\n        " OWN "\n    }\n}\n"

static void docker_gets_one_member(void **state)
{
    (void)state;
    goes_and_comes(install_docker_put, install_docker_drop, "", ALL);
    goes_and_comes(install_docker_put, install_docker_drop, "{\n    \"debug\": true\n}\n",
                   "{\n    \"runtimes\": {\n        " OWN "\n    },\n    \"debug\": true\n}\n");
    goes_and_comes(
        install_docker_put, install_docker_drop,
        "{\n    \"runtimes\": {\n        \"crun\": {\"path\": \"/usr/bin/crun\"}\n    }\n}\n",
        "{\n    \"runtimes\": {\n        " OWN
        ",\n        \"crun\": {\"path\": \"/usr/bin/crun\"}\n    }\n}\n");
    makes(install_docker_put, " \n", ALL);
    makes(install_docker_put, "{}\n", ALL);
    makes(install_docker_put, "{ \"runtimes\" : { } }\n",
          "{ \"runtimes\" : {\n        " OWN "\n    } }\n");
}

static void docker_keeps_what_it_does_not_know(void **state)
{
    (void)state;
    static const char odd[] = "{\t\"a\":18446744073709551615, \"b}\":\"{\\\"runtimes\\\":\","
                              "\n\t\"runtimes\" :{\"x\":{}}, \"z\":[1.10,{}]}";
    struct error err;
    char *text = make(install_docker_put, odd, &err);
    assert_non_null(text);
    assert_non_null(strstr(text, "\"a\":18446744073709551615, \"b}\":\"{\\\"runtimes\\\":\",\n\t"));
    assert_non_null(strstr(text, "\n\t\t\"hythe\": {\n\t\t\t\"path\""));
    assert_non_null(strstr(text, "\"z\":[1.10,{}]}"));
    makes(install_docker_put, text, text);
    makes(install_docker_drop, text, odd);
    free(text);
}

static void docker_has_its_path_mended(void **state)
{
    (void)state;
    makes(install_docker_put, "{\"runtimes\":{\"hythe\":{\"path\":\"/old\",\"runtimeArgs\":[]}}}",
          "{\"runtimes\":{\"hythe\":{\"path\":\"/opt/h/bin/hythe-runc\",\"runtimeArgs\":[]}}}");
    makes(
        install_docker_put, "{\"runtimes\":{\"hythe\":{\"runtimeType\":\"x\"}}}",
        "{\"runtimes\":{\"hythe\":{\n            \"path\": \"/opt/h/bin/hythe-runc\"\n        }}}");
}

static void docker_is_left_clean(void **state)
{
    (void)state;
    makes(install_docker_drop, "{\"runtimes\":{\"hythe\":{}}}\n", "");
    makes(install_docker_drop, "{\"a\":1,\"runtimes\":{\"hythe\":{}}}", "{\"a\":1}");
    makes(install_docker_drop, "{\"runtimes\":{\"hythe\":{}},\"a\":1}", "{\"a\":1}");
    makes(install_docker_drop, "{\"a\":1, \"runtimes\": { \"x\":{} , \"hythe\" : {} } }",
          "{\"a\":1, \"runtimes\": { \"x\":{}  } }");
    makes(install_docker_drop, "{\"runtimes\":{}}", "{\"runtimes\":{}}");
}

static void docker_files_that_are_wrong_stay(void **state)
{
    (void)state;
    refuses(install_docker_put, "{\"a\":1,}", "no JSON object");
    refuses(install_docker_put, "[]", "no JSON object");
    refuses(install_docker_put, "\xef\xbb\xbf{}", "no JSON object");
    refuses(install_docker_put, "{} {}", "no JSON object");
    refuses(install_docker_put, "{\"runtimes\":[]}", "\"runtimes\"");
    refuses(install_docker_put, "{\"runtimes\":{},\"runtimes\":{}}", "twice");
    refuses(install_docker_put, "{\"runtimes\":{\"hythe\":1}}", "\"hythe\"");
    refuses(install_docker_put, "{\"runtimes\":{\"\\u0068ythe\":{}}}", "\"hythe\"");
    refuses(install_docker_drop, "{\"default-runtime\":\"hythe\",\"runtimes\":{\"hythe\":{}}}",
            "default-runtime");
}

#define BEGIN "# >>> hythe: put here by 'hythe install containerd --write'\n"
#define END "# <<< hythe\n"
#define CRI2 "plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes"
#define CRI3 "plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes"
#define RUNC(cri)                                                                                  \
    "[" cri ".runc]\n  runtime_type = \"io.containerd.runc.v2\"\n"                                 \
    "  [" cri ".runc.options]\n    SystemdCgroup = false\n"
#define HYTHE(cri, systemd)                                                                        \
    "[" cri ".hythe]\n  runtime_type = \"io.containerd.runc.v2\"\n"                                \
    "  pod_annotations = [\"io.hythe.*\", \"run.oci.handler\", \"module.wasm.image/*\"]\n"         \
    "  [" cri ".hythe.options]\n    BinaryName = \"/opt/h/bin/hythe-runc\"\n"                      \
    "    SystemdCgroup = " systemd "\n"

static void containerd_gets_a_block(void **state)
{
    (void)state;
    static const char with_runc[] = "# mine\nversion = 3\n[plugins.'io.containerd.cri.v1.runtime'."
                                    "containerd.runtimes.runc.options]\nSystemdCgroup = true\n";
    char after[4096];
    goes_and_comes(install_containerd_put, install_containerd_drop, "",
                   BEGIN "version = 2\n" RUNC(CRI2) HYTHE(CRI2, "false") END);
    goes_and_comes(install_containerd_put, install_containerd_drop, "version = 2\n",
                   "version = 2\n" BEGIN RUNC(CRI2) HYTHE(CRI2, "false") END);
    goes_and_comes(install_containerd_put, install_containerd_drop, "version = 3\n",
                   "version = 3\n" BEGIN RUNC(CRI3) HYTHE(CRI3, "false") END);
    goes_and_comes(install_containerd_put, install_containerd_drop, "version = 4\n",
                   "version = 4\n" BEGIN RUNC(CRI3) HYTHE(CRI3, "false") END);
    (void)snprintf(after, sizeof after, "%s%s", with_runc, BEGIN HYTHE(CRI3, "true") END);
    goes_and_comes(install_containerd_put, install_containerd_drop, with_runc, after);
    makes(install_containerd_put, "version = 2",
          "version = 2\n" BEGIN RUNC(CRI2) HYTHE(CRI2, "false") END);
}

static void notes_have(const char *words, bool is_there)
{
    if ((strstr(last_notes, words) != NULL) != is_there) {
        fail_msg("'%s' %s '%s'", last_notes, is_there ? "lacks" : "has", words);
    }
}

#define CRUN(cri) "[" cri ".crun.options]\nSystemdCgroup = true\n"
#define BARE_RUNC(cri) "[" cri ".runc]\n  runtime_type = \"io.containerd.runc.v2\"\n"
#define DEFAULT2(name)                                                                             \
    "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\ndefault_runtime_name = '" name "'\n"

/* Pods that ask for no runtime get the default one: without it containerd runs none. */
static void containerd_keeps_a_default_runtime(void **state)
{
    (void)state;
    static const char systemd_note[] = "SystemdCgroup has to be true, for runc as for hythe";
    /* runc by default, and not named: containerd 1 has it no more, and 2 does. */
    goes_and_comes(install_containerd_put, install_containerd_drop, "version = 2\n" CRUN(CRI2),
                   "version = 2\n" CRUN(CRI2) BEGIN BARE_RUNC(CRI2) HYTHE(CRI2, "true") END);
    free(make(install_containerd_print, "version = 2\n" CRUN(CRI2), &(struct error){0}));
    notes_have("runc, the default one, is not among them", true);
    notes_have(systemd_note, true);
    makes(install_containerd_put, "version = 3\n" CRUN(CRI3),
          "version = 3\n" CRUN(CRI3) BEGIN BARE_RUNC(CRI3) HYTHE(CRI3, "true") END);
    makes(install_containerd_put, "version = 2\n" DEFAULT2("runc") CRUN(CRI2),
          "version = 2\n" DEFAULT2("runc") CRUN(CRI2) BEGIN BARE_RUNC(CRI2) HYTHE(CRI2, "true")
              END);
    /* Another one is the default: runc is nobody's business. */
    goes_and_comes(install_containerd_put, install_containerd_drop,
                   "version = 2\n" DEFAULT2("crun") CRUN(CRI2),
                   "version = 2\n" DEFAULT2("crun") CRUN(CRI2) BEGIN HYTHE(CRI2, "true") END);
    makes(install_containerd_put, "version = 2\n" DEFAULT2("crun") CRUN(CRI2),
          "version = 2\n" DEFAULT2("crun") CRUN(CRI2) BEGIN HYTHE(CRI2, "true") END);
    notes_have("default", false);
    notes_have(systemd_note, false);
    static const char old_form[] = "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.containerd."
                                   "default_runtime]\nruntime_type = 'x'\n" CRUN(CRI2);
    char after[4096];
    (void)snprintf(after, sizeof after, "%s%s", old_form, BEGIN HYTHE(CRI2, "true") END);
    makes(install_containerd_put, old_form, after);
    notes_have("default", false);
    /* It runs no pod as it is, and is not made worse. */
    makes(install_containerd_put, "version = 2\n" DEFAULT2("kata") CRUN(CRI2),
          "version = 2\n" DEFAULT2("kata") CRUN(CRI2) BEGIN HYTHE(CRI2, "true") END);
    notes_have("default_runtime_name that is none of its runtimes' names", true);
}

static void containerd_is_not_left_without_its_default(void **state)
{
    (void)state;
    static const char mine[] = "version = 2\n" DEFAULT2("hythe") CRUN(CRI2);
    char with_block[4096];
    (void)snprintf(with_block, sizeof with_block, "%s%s", mine, BEGIN HYTHE(CRI2, "true") END);
    makes(install_containerd_put, mine, with_block);
    notes_have("default", false);
    refuses(install_containerd_drop, with_block, "default_runtime_name = \"hythe\"");
    makes(install_containerd_drop, mine, mine);
    /* What cannot be read is left without our block all the same. */
    makes(install_containerd_drop, "version = 2\n[a\n" BEGIN END, "version = 2\n[a\n");
    makes(install_containerd_drop, "version = 2\nplugins = [1]\n" BEGIN END,
          "version = 2\nplugins = [1]\n");
    refuses(install_containerd_put, "version = 2\nplugins = [1]\n", "nothing was changed");
}

/* An old block, with tables of the user's behind it. */
static void containerd_has_its_block_renewed(void **state)
{
    (void)state;
    makes(install_containerd_put,
          "version = 2\n" BEGIN "[" CRI2 ".hythe]\nold = true\n" END "[debug]\nlevel = 'info'\n",
          "version = 2\n" BEGIN RUNC(CRI2) HYTHE(CRI2, "false") END "[debug]\nlevel = 'info'\n");
}

static void containerd_files_that_are_wrong_stay(void **state)
{
    (void)state;
    refuses(install_containerd_put, "root = '/x'\n", "config migrate");
    refuses(install_containerd_put, "version = 1\n", "version");
    refuses(install_containerd_put, "version = \"2\"\n", "version");
    refuses(install_containerd_put, "version = 2\n[a\n", "line 2");
    refuses(install_containerd_put, "version = 2\n[" CRI2 ".hythe]\n", "outside of our marks");
    refuses(install_containerd_put, "version = 2\ndisabled_plugins = [\"cri\"]\n",
            "containerd-shim-hythe-v1");
    refuses(install_containerd_put, "version = 2\n" BEGIN, "one of the two marks");
    refuses(install_containerd_drop, END "version = 2\n" BEGIN, "one of the two marks");
    /* A table written in one line is closed: nothing can be added to it. */
    refuses(install_containerd_put,
            "version = 2\nplugins = {\"io.containerd.grpc.v1.cri\" = {containerd = {}}}\n",
            "nothing was changed");
}

static void drop_ins_are_ours_or_stay(void **state)
{
    (void)state;
    struct error err;
    char *text = make(install_podman_put, "", &err);
    assert_non_null(text);
    assert_non_null(strstr(text, "\nhythe = [\"/opt/h/bin/hythe-runc\"]\n"));
    makes(install_podman_put, text, text);
    makes(install_dropin_drop, text, "");
    free(text);
    refuses(install_podman_put, "[engine]\n", "not written by");
    refuses(install_crio_put, "[crio]\n", "not written by");
    refuses(install_dropin_drop, "[crio]\n", "not written by");
}

/* -- files ------------------------------------------------------------------------------------ */

struct root {
    char path[64];
    struct buffer out;
    struct buffer notes;
    struct error err;
};

static void write_file(const struct root *root, const char *name, const char *text, mode_t mode)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s%s", root->path, name);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(file_write(fd, span_of(text)), 0);
    assert_int_equal(close(fd), 0);
}

/* What files of that name hold, and how many there are. */
static void holds(const struct root *root, const char *pattern, size_t count, const char *text)
{
    char path[256];
    glob_t found = {0};
    (void)snprintf(path, sizeof path, "%s%s", root->path, pattern);
    int r = glob(path, 0, NULL, &found);
    assert_int_equal(found.gl_pathc, count);
    for (size_t i = 0; i < count && r == 0; i++) {
        struct buffer bytes;
        buffer_init(&bytes, TEXT_MAX);
        assert_int_equal(file_read_path(found.gl_pathv[i], &bytes), 0);
        assert_string_equal(buffer_text(&bytes), text);
        buffer_done(&bytes);
    }
    globfree(&found);
}

static void begin(struct root *root)
{
    *root = (struct root){.path = "/tmp/oci_install.XXXXXX"};
    assert_non_null(mkdtemp(root->path));
    buffer_init(&root->out, TEXT_MAX);
    buffer_init(&root->notes, TEXT_MAX);
    write_file(root, "/opt/h/bin/hythe-runc", "#!\n", 0755);
}

static void end(struct root *root)
{
    char command[128];
    (void)snprintf(command, sizeof command, "/bin/rm -r %s", root->path);
    FILE *rm = popen(command, "r");
    assert_non_null(rm);
    assert_int_equal(pclose(rm), 0);
    buffer_done(&root->out);
    buffer_done(&root->notes);
}

static int install(struct root *root, const char *target, const char *action)
{
    struct install_options options;
    const char *words[] = {"install",          target, action, "--root", root->path,
                           "--prefix=/opt/h/", NULL};
    buffer_done(&root->out);
    root->err = (struct error){0};
    assert_int_equal(install_options_parse(6, (char **)(uintptr_t)words, &options, &root->err), 0);
    return install_work(&options, &root->out, &root->notes, &root->err);
}

static void a_backup_is_kept_when_a_file_changes(void **state)
{
    (void)state;
    struct root root;
    struct stat st;
    char path[128];
    begin(&root);
    write_file(&root, "/etc/docker/daemon.json", "{\"a\":1}", 0640);
    assert_int_equal(install(&root, "docker", "--write"), 0);
    holds(&root, "/etc/docker/daemon.json.hythe-backup-*", 1, "{\"a\":1}");
    assert_int_equal(install(&root, "docker", "--write"), 0);
    assert_non_null(strstr(buffer_text(&root.out), "nothing to change"));
    holds(&root, "/etc/docker/daemon.json.hythe-backup-*", 1, "{\"a\":1}");
    (void)snprintf(path, sizeof path, "%s/etc/docker/daemon.json", root.path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(install(&root, "docker", "--remove"), 0);
    holds(&root, "/etc/docker/daemon.json", 1, "{\"a\":1}");
    end(&root);
}

/* CRI-O reads all files of its folder, whatever they are called. */
static void the_backup_of_a_drop_in_is_no_drop_in(void **state)
{
    (void)state;
    struct root root;
    begin(&root);
    assert_int_equal(install(&root, "crio", "--write"), 0);
    assert_int_equal(install(&root, "crio", "--remove"), 0);
    holds(&root, "/etc/crio/crio.conf.d/*", 0, NULL);
    assert_non_null(strstr(buffer_text(&root.out), "/etc/crio/50-hythe.conf.hythe-backup-"));
    assert_int_equal(install(&root, "crio", "--remove"), 0);
    end(&root);
}

/* podman of an ordinary user reads the file, too. */
static void what_is_made_can_be_read_by_all(void **state)
{
    (void)state;
    struct root root;
    struct stat st;
    char path[256];
    begin(&root);
    mode_t before = umask(027);
    assert_int_equal(install(&root, "podman", "--write"), 0);
    (void)umask(before);
    (void)snprintf(path, sizeof path, "%s/etc/containers/containers.conf.d/50-hythe.conf",
                   root.path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0644);
    end(&root);
}

static void nothing_is_written_that_could_not_work(void **state)
{
    (void)state;
    struct root root;
    char path[128];
    char link[160];
    begin(&root);
    (void)snprintf(path, sizeof path, "%s/opt/h/bin/hythe-runc", root.path);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(install(&root, "docker", "--write"), -ENOENT);
    assert_non_null(strstr(root.err.text, "--prefix"));
    holds(&root, "/etc/docker/*", 0, NULL);
    assert_int_equal(chmod(path, 0755), 0);

    write_file(&root, "/etc/docker/real", "{}", 0644);
    (void)snprintf(link, sizeof link, "%s/etc/docker/daemon.json", root.path);
    assert_int_equal(symlink("real", link), 0);
    assert_int_equal(install(&root, "docker", "--write"), -EINVAL);
    assert_non_null(strstr(root.err.text, "is a link"));
    holds(&root, "/etc/docker/real", 1, "{}");
    end(&root);
}

static void words_that_are_wrong_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *words[4];
        const char *why;
    } rows[] = {
        {{"dock"}, "docker, containerd, podman, crio and k8s"},
        {{"docker", "--write", "--remove"}, "contradict"},
        {{"docker", "--prefix", "opt"}, "absolute"},
        {{"docker", "--prefix", "/o\"pt"}, "absolute"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct install_options options;
        struct error err = {0};
        const char *words[6] = {"install"};
        int count = 1;
        for (size_t j = 0; j < 4 && rows[i].words[j] != NULL; j++) {
            words[count++] = rows[i].words[j];
        }
        assert_true(install_options_parse(count, (char **)(uintptr_t)words, &options, &err) < 0);
        assert_int_equal(err.exit, 2);
        assert_non_null(strstr(err.text, rows[i].why));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(docker_gets_one_member),
        cmocka_unit_test(docker_keeps_what_it_does_not_know),
        cmocka_unit_test(docker_has_its_path_mended),
        cmocka_unit_test(docker_is_left_clean),
        cmocka_unit_test(docker_files_that_are_wrong_stay),
        cmocka_unit_test(containerd_gets_a_block),
        cmocka_unit_test(containerd_keeps_a_default_runtime),
        cmocka_unit_test(containerd_is_not_left_without_its_default),
        cmocka_unit_test(containerd_has_its_block_renewed),
        cmocka_unit_test(containerd_files_that_are_wrong_stay),
        cmocka_unit_test(drop_ins_are_ours_or_stay),
        cmocka_unit_test(a_backup_is_kept_when_a_file_changes),
        cmocka_unit_test(the_backup_of_a_drop_in_is_no_drop_in),
        cmocka_unit_test(what_is_made_can_be_read_by_all),
        cmocka_unit_test(nothing_is_written_that_could_not_work),
        cmocka_unit_test(words_that_are_wrong_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
