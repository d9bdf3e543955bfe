/* OpenSSL, opened when first needed: a program that speaks no TLS starts without its two libraries,
 * whose loading takes 0.9 ms. One table of the functions that hythe uses, so that all calls of it
 * stand here. */
#ifndef HYTHE_NET_OPENSSL_H
#define HYTHE_NET_OPENSSL_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/error.h"

/* Each has the name and the type of OpenSSL's own, in lower case. */
struct openssl {
    /* contexts */
    __typeof__(TLS_server_method) *tls_server_method;
    __typeof__(SSL_CTX_new) *ssl_ctx_new;
    __typeof__(SSL_CTX_free) *ssl_ctx_free;
    __typeof__(SSL_CTX_ctrl) *ssl_ctx_ctrl;
    __typeof__(SSL_CTX_callback_ctrl) *ssl_ctx_callback_ctrl;
    __typeof__(SSL_CTX_set_options) *ssl_ctx_set_options;
    __typeof__(SSL_CTX_set_cipher_list) *ssl_ctx_set_cipher_list;
    __typeof__(SSL_CTX_set_alpn_select_cb) *ssl_ctx_set_alpn_select_cb;
    __typeof__(SSL_CTX_set_session_id_context) *ssl_ctx_set_session_id_context;
    __typeof__(SSL_CTX_set_verify) *ssl_ctx_set_verify;
    __typeof__(SSL_CTX_use_certificate) *ssl_ctx_use_certificate;
    __typeof__(SSL_CTX_use_PrivateKey) *ssl_ctx_use_privatekey;
    __typeof__(SSL_CTX_get0_certificate) *ssl_ctx_get0_certificate;
    __typeof__(SSL_CTX_get_cert_store) *ssl_ctx_get_cert_store;
    __typeof__(SSL_CTX_add_client_CA) *ssl_ctx_add_client_ca;

    /* sessions */
    __typeof__(SSL_new) *ssl_new;
    __typeof__(SSL_free) *ssl_free;
    __typeof__(SSL_set_bio) *ssl_set_bio;
    __typeof__(SSL_set_SSL_CTX) *ssl_set_ssl_ctx;
    __typeof__(SSL_set_accept_state) *ssl_set_accept_state;
    __typeof__(SSL_do_handshake) *ssl_do_handshake;
    __typeof__(SSL_read) *ssl_read;
    __typeof__(SSL_write) *ssl_write;
    __typeof__(SSL_shutdown) *ssl_shutdown;
    __typeof__(SSL_get_error) *ssl_get_error;
    __typeof__(SSL_has_pending) *ssl_has_pending;
    __typeof__(SSL_get_version) *ssl_get_version;
    __typeof__(SSL_get_current_cipher) *ssl_get_current_cipher;
    __typeof__(SSL_CIPHER_get_name) *ssl_cipher_get_name;
    __typeof__(SSL_get_servername) *ssl_get_servername;
    __typeof__(SSL_get0_alpn_selected) *ssl_get0_alpn_selected;
    __typeof__(SSL_get1_peer_certificate) *ssl_get1_peer_certificate;

    /* transport */
    __typeof__(BIO_meth_new) *bio_meth_new;
    __typeof__(BIO_meth_free) *bio_meth_free;
    __typeof__(BIO_meth_set_read) *bio_meth_set_read;
    __typeof__(BIO_meth_set_write) *bio_meth_set_write;
    __typeof__(BIO_meth_set_ctrl) *bio_meth_set_ctrl;
    __typeof__(BIO_new) *bio_new;
    __typeof__(BIO_free) *bio_free;
    __typeof__(BIO_set_data) *bio_set_data;
    __typeof__(BIO_get_data) *bio_get_data;
    __typeof__(BIO_set_init) *bio_set_init;
    __typeof__(BIO_set_flags) *bio_set_flags;
    __typeof__(BIO_clear_flags) *bio_clear_flags;
    __typeof__(BIO_s_mem) *bio_s_mem;
    __typeof__(BIO_new_mem_buf) *bio_new_mem_buf;
    __typeof__(BIO_ctrl) *bio_ctrl;

    /* certificates and keys */
    __typeof__(PEM_read_bio_X509) *pem_read_bio_x509;
    __typeof__(PEM_read_bio_PrivateKey) *pem_read_bio_privatekey;
    __typeof__(X509_free) *x509_free;
    __typeof__(X509_check_private_key) *x509_check_private_key;
    __typeof__(X509_check_host) *x509_check_host;
    __typeof__(X509_get_subject_name) *x509_get_subject_name;
    __typeof__(X509_NAME_print_ex) *x509_name_print_ex;
    __typeof__(X509_STORE_add_cert) *x509_store_add_cert;
    __typeof__(EVP_PKEY_free) *evp_pkey_free;

    /* errors */
    __typeof__(ERR_clear_error) *err_clear_error;
    __typeof__(ERR_peek_last_error) *err_peek_last_error;
    __typeof__(ERR_reason_error_string) *err_reason_error_string;
};

/* Open it and fill the table. 0, or -ENOENT with what to install in `err`. */
int openssl_open(struct openssl *openssl, struct error *err);

#endif
