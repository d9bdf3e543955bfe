/* TLS contexts from files: what is wrong with a file is said in plain words.
 *
 * Links: ssl crypto
 */
#include <errno.h>
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
#include <openssl/pem.h>

#include "certificates.h"
#include "net/tls.h"

static char dir[] = "/tmp/hythe-tls-files-XXXXXX";

/* The path of a file in the directory; a few are remembered. */
static const char *at(const char *name)
{
    static char paths[8][64];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, const char *data, size_t len)
{
    FILE *file = fopen(at(name), "we");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static size_t read_file(const char *name, char *data, size_t max)
{
    FILE *file = fopen(at(name), "re");
    assert_non_null(file);
    size_t len = fread(data, 1, max, file);
    assert_int_equal(fclose(file), 0);
    return len;
}

static void write_locked_key(EVP_PKEY *key)
{
    FILE *file = fopen(at("locked.key"), "we");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(),
                                          (const unsigned char *)"secret", 6, NULL, NULL),
                     1);
    assert_int_equal(fclose(file), 0);
}

/* a.crt with half of itself behind; a.crt, its CA and its key in one file; a key in halves. */
static void write_variants(void)
{
    char data[16384];
    size_t len = read_file("a.crt", data, 4096);
    memcpy(data + len, data, len / 2);
    write_file("broken.crt", data, len + len / 2);
    len += read_file("ca.crt", data + len, 4096);
    len += read_file("a.key", data + len, 4096);
    write_file("all.pem", data, len);
    len = read_file("a.key", data, 4096);
    memset(data + 60, 'A', 20);
    write_file("broken.key", data, len);
    write_file("empty", "", 0);
    write_file("text", "hello\n", 6);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    struct certificate ca = certificate_make("ca", NULL, NULL);
    struct certificate a = certificate_make("a", "DNS:a.test", &ca);
    struct certificate b = certificate_make("b", "DNS:b.test", &ca);
    certificate_write(&ca, dir, "ca");
    certificate_write(&a, dir, "a");
    certificate_write(&b, dir, "b");
    write_locked_key(a.key);
    write_variants();
    certificate_done(&a);
    certificate_done(&b);
    certificate_done(&ca);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"a.crt",   "a.key",      "b.crt",      "b.key",
                                        "ca.crt",  "ca.key",     "locked.key", "broken.crt",
                                        "all.pem", "broken.key", "empty",      "text"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(unlink(at(names[i])), 0);
    }
    return rmdir(dir);
}

static int make(const char *certificate, const char *key, struct error *err)
{
    struct tls_certificate one = {at(certificate), at(key)};
    struct tls_options options = {.certificates = &one, .certificate_count = 1};
    struct tls_context *context = NULL;
    int r = tls_context_new(&options, &context, err);
    tls_context_unref(context);
    return r;
}

/* Each of the words, and the file's name, must stand in the message. */
static void check(const char *certificate, const char *key, int code, const char *file,
                  const char *words)
{
    struct error err = {0};
    assert_int_equal(make(certificate, key, &err), code);
    assert_int_equal(err.code, code);
    if (strstr(err.text, at(file)) == NULL || strstr(err.text, words) == NULL) {
        print_error("\"%s\" lacks \"%s\" or \"%s\"\n", err.text, file, words);
        fail();
    }
}

static void good_files_are_taken(void **state)
{
    struct error err = {0};
    (void)state;
    assert_int_equal(make("a.crt", "a.key", &err), 0);
    assert_int_equal(make("all.pem", "all.pem", &err), 0);
    assert_int_equal(err.code, 0);
}

static void bad_files_are_explained(void **state)
{
    (void)state;
    check("none.crt", "a.key", -ENOENT, "none.crt", "No such file");
    check("a.crt", "none.key", -ENOENT, "none.key", "No such file");
    check(".", "a.key", -EISDIR, ".", "certificate file");
    check("empty", "a.key", -EINVAL, "empty", "is empty");
    check("text", "a.key", -EINVAL, "text", "BEGIN CERTIFICATE");
    check("a.crt", "text", -EINVAL, "text", "BEGIN PRIVATE KEY");
    check("a.key", "a.crt", -EINVAL, "a.key", "exchanged");
    check("a.crt", "a.crt", -EINVAL, "a.crt", "exchanged");
    check("broken.crt", "a.key", -EINVAL, "broken.crt", "its certificate number 2");
    check("a.crt", "broken.key", -EINVAL, "broken.key", "damaged");
    check("a.crt", "locked.key", -EINVAL, "locked.key", "passphrase");
    check("a.crt", "b.key", -EINVAL, "b.key", "does not belong to the certificate");
    check("a.crt", "b.key", -EINVAL, "a.crt", "does not belong to the certificate");
}

static void the_second_certificate_is_looked_at_too(void **state)
{
    struct tls_certificate two[] = {{at("a.crt"), at("a.key")}, {at("b.crt"), at("a.key")}};
    struct tls_options options = {.certificates = two, .certificate_count = 2};
    struct tls_context *context = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(tls_context_new(&options, &context, &err), -EINVAL);
    assert_non_null(strstr(err.text, two[1].certificate));
    assert_null(context);
}

static void there_must_be_a_certificate(void **state)
{
    struct tls_options options = {.certificates = NULL};
    struct tls_context *context = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(tls_context_new(&options, &context, &err), -EINVAL);
    assert_int_not_equal(err.text[0], '\0');
    tls_context_unref(NULL);
    tls_session_free(NULL);
}

static void client_cas_are_needed_and_read(void **state)
{
    struct tls_certificate one = {at("a.crt"), at("a.key")};
    struct tls_options options = {.certificates = &one, .certificate_count = 1};
    struct tls_context *context = NULL;
    struct error err = {0};
    (void)state;
    options.client_auth = TLS_CLIENT_REQUIRED;
    assert_int_equal(tls_context_new(&options, &context, &err), -EINVAL);
    assert_non_null(strstr(err.text, "name one"));
    options.client_ca = at("text");
    assert_int_equal(tls_context_new(&options, &context, &err), -EINVAL);
    assert_non_null(strstr(err.text, options.client_ca));
    options.client_ca = at("none");
    assert_int_equal(tls_context_new(&options, &context, &err), -ENOENT);
    options.client_ca = at("all.pem"); /* two certificates and a key */
    assert_int_equal(tls_context_new(&options, &context, &err), 0);
    tls_context_unref(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_files_are_taken),
        cmocka_unit_test(bad_files_are_explained),
        cmocka_unit_test(the_second_certificate_is_looked_at_too),
        cmocka_unit_test(there_must_be_a_certificate),
        cmocka_unit_test(client_cas_are_needed_and_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
