/* Opening OpenSSL. See openssl.h. */
#include "net/openssl.h"

#include <stddef.h>

#include "base/container.h"
#include "base/library.h"

/* Where each function goes. All are found through libssl, libcrypto's being its own dependency. */
static const struct library_function functions[] = {
    {"TLS_server_method", offsetof(struct openssl, tls_server_method)},
    {"SSL_CTX_new", offsetof(struct openssl, ssl_ctx_new)},
    {"SSL_CTX_free", offsetof(struct openssl, ssl_ctx_free)},
    {"SSL_CTX_ctrl", offsetof(struct openssl, ssl_ctx_ctrl)},
    {"SSL_CTX_callback_ctrl", offsetof(struct openssl, ssl_ctx_callback_ctrl)},
    {"SSL_CTX_set_options", offsetof(struct openssl, ssl_ctx_set_options)},
    {"SSL_CTX_set_cipher_list", offsetof(struct openssl, ssl_ctx_set_cipher_list)},
    {"SSL_CTX_set_alpn_select_cb", offsetof(struct openssl, ssl_ctx_set_alpn_select_cb)},
    {"SSL_CTX_set_session_id_context", offsetof(struct openssl, ssl_ctx_set_session_id_context)},
    {"SSL_CTX_set_verify", offsetof(struct openssl, ssl_ctx_set_verify)},
    {"SSL_CTX_use_certificate", offsetof(struct openssl, ssl_ctx_use_certificate)},
    {"SSL_CTX_use_PrivateKey", offsetof(struct openssl, ssl_ctx_use_privatekey)},
    {"SSL_CTX_get0_certificate", offsetof(struct openssl, ssl_ctx_get0_certificate)},
    {"SSL_CTX_get_cert_store", offsetof(struct openssl, ssl_ctx_get_cert_store)},
    {"SSL_CTX_add_client_CA", offsetof(struct openssl, ssl_ctx_add_client_ca)},
    {"SSL_new", offsetof(struct openssl, ssl_new)},
    {"SSL_free", offsetof(struct openssl, ssl_free)},
    {"SSL_set_bio", offsetof(struct openssl, ssl_set_bio)},
    {"SSL_set_SSL_CTX", offsetof(struct openssl, ssl_set_ssl_ctx)},
    {"SSL_set_accept_state", offsetof(struct openssl, ssl_set_accept_state)},
    {"SSL_do_handshake", offsetof(struct openssl, ssl_do_handshake)},
    {"SSL_read", offsetof(struct openssl, ssl_read)},
    {"SSL_write", offsetof(struct openssl, ssl_write)},
    {"SSL_shutdown", offsetof(struct openssl, ssl_shutdown)},
    {"SSL_get_error", offsetof(struct openssl, ssl_get_error)},
    {"SSL_has_pending", offsetof(struct openssl, ssl_has_pending)},
    {"SSL_get_version", offsetof(struct openssl, ssl_get_version)},
    {"SSL_get_current_cipher", offsetof(struct openssl, ssl_get_current_cipher)},
    {"SSL_CIPHER_get_name", offsetof(struct openssl, ssl_cipher_get_name)},
    {"SSL_get_servername", offsetof(struct openssl, ssl_get_servername)},
    {"SSL_get0_alpn_selected", offsetof(struct openssl, ssl_get0_alpn_selected)},
    {"SSL_get1_peer_certificate", offsetof(struct openssl, ssl_get1_peer_certificate)},
    {"BIO_meth_new", offsetof(struct openssl, bio_meth_new)},
    {"BIO_meth_free", offsetof(struct openssl, bio_meth_free)},
    {"BIO_meth_set_read", offsetof(struct openssl, bio_meth_set_read)},
    {"BIO_meth_set_write", offsetof(struct openssl, bio_meth_set_write)},
    {"BIO_meth_set_ctrl", offsetof(struct openssl, bio_meth_set_ctrl)},
    {"BIO_new", offsetof(struct openssl, bio_new)},
    {"BIO_free", offsetof(struct openssl, bio_free)},
    {"BIO_set_data", offsetof(struct openssl, bio_set_data)},
    {"BIO_get_data", offsetof(struct openssl, bio_get_data)},
    {"BIO_set_init", offsetof(struct openssl, bio_set_init)},
    {"BIO_set_flags", offsetof(struct openssl, bio_set_flags)},
    {"BIO_clear_flags", offsetof(struct openssl, bio_clear_flags)},
    {"BIO_s_mem", offsetof(struct openssl, bio_s_mem)},
    {"BIO_new_mem_buf", offsetof(struct openssl, bio_new_mem_buf)},
    {"BIO_ctrl", offsetof(struct openssl, bio_ctrl)},
    {"PEM_read_bio_X509", offsetof(struct openssl, pem_read_bio_x509)},
    {"PEM_read_bio_PrivateKey", offsetof(struct openssl, pem_read_bio_privatekey)},
    {"X509_free", offsetof(struct openssl, x509_free)},
    {"X509_check_private_key", offsetof(struct openssl, x509_check_private_key)},
    {"X509_check_host", offsetof(struct openssl, x509_check_host)},
    {"X509_get_subject_name", offsetof(struct openssl, x509_get_subject_name)},
    {"X509_NAME_print_ex", offsetof(struct openssl, x509_name_print_ex)},
    {"X509_STORE_add_cert", offsetof(struct openssl, x509_store_add_cert)},
    {"EVP_PKEY_free", offsetof(struct openssl, evp_pkey_free)},
    {"ERR_clear_error", offsetof(struct openssl, err_clear_error)},
    {"ERR_peek_last_error", offsetof(struct openssl, err_peek_last_error)},
    {"ERR_reason_error_string", offsetof(struct openssl, err_reason_error_string)},
};

static const struct library library = {
    .name = "libssl.so.3",
    .package = "libssl3",
    .purpose = "TLS",
    .functions = functions,
    .function_count = ARRAY_COUNT(functions),
};

int openssl_open(struct openssl *openssl, struct error *err)
{
    return library_open(&library, openssl, err);
}
