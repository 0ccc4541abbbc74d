// OpenSSL, loaded when the first of its functions is called: linked, its two libraries cost every process 0.4
// MiB of memory of its own for their relocations, also where nothing is encrypted. The functions of OpenSSL
// that the program uses are defined here and pass calls on; the linker finds them before those of the
// libraries, which the program then does not need. What is missing here is linked as ever, to the same
// effect.
//
// Any thread. Without the libraries the first call ends the process with a message: it did not even start
// with them linked.
#include <dlfcn.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>

namespace {

static_assert(OPENSSL_VERSION_MAJOR == 3, "the libraries below are of OpenSSL 3");
constexpr const char* kSsl = "libssl.so.3";
constexpr const char* kCrypto = "libcrypto.so.3";

// Never unloaded: connections may outlive whoever used it last.
void* Find(const char* library, const char* name) {
  void* const handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  void* const found = handle == nullptr ? nullptr : dlsym(handle, name);
  if (found == nullptr) {
    const char* const reason = dlerror();
    fmt::print(stderr, "sextant: {} of {} cannot be used: {}\n", name, library,
               reason == nullptr ? "not found" : reason);
    std::abort();
  }
  return found;
}

}  // namespace

#define SEXTANT_FORWARD(library, result, name, parameters, arguments)                    \
  result(name) parameters {                                                              \
    static auto* const real = reinterpret_cast<decltype(&(name))>(Find(library, #name)); \
    return real arguments;                                                               \
  }

extern "C" {

// clang-format off: a table
SEXTANT_FORWARD(kCrypto, long, BIO_ctrl, (BIO* a, int b, long c, void* d), (a, b, c, d))
SEXTANT_FORWARD(kCrypto, size_t, BIO_ctrl_pending, (BIO* a), (a))
SEXTANT_FORWARD(kCrypto, int, BIO_free, (BIO* a), (a))
SEXTANT_FORWARD(kCrypto, int, BIO_new_bio_pair, (BIO** a, size_t b, BIO** c, size_t d), (a, b, c, d))
SEXTANT_FORWARD(kCrypto, int, BIO_read, (BIO* a, void* b, int c), (a, b, c))
SEXTANT_FORWARD(kCrypto, int, BIO_write, (BIO* a, const void* b, int c), (a, b, c))
SEXTANT_FORWARD(kCrypto, void, CRYPTO_free, (void* a, const char* b, int c), (a, b, c))
SEXTANT_FORWARD(kCrypto, int, CRYPTO_memcmp, (const void* a, const void* b, size_t c), (a, b, c))
SEXTANT_FORWARD(kCrypto, void, ERR_clear_error, (), ())
SEXTANT_FORWARD(kCrypto, unsigned long, ERR_get_error, (), ())
SEXTANT_FORWARD(kCrypto, const char*, ERR_lib_error_string, (unsigned long a), (a))
SEXTANT_FORWARD(kCrypto, unsigned long, ERR_peek_error, (), ())
SEXTANT_FORWARD(kCrypto, unsigned long, ERR_peek_last_error, (), ())
SEXTANT_FORWARD(kCrypto, const char*, ERR_reason_error_string, (unsigned long a), (a))
SEXTANT_FORWARD(kCrypto, int, EVP_Digest,
                (const void* a, size_t b, unsigned char* c, unsigned int* d, const EVP_MD* e, ENGINE* f),
                (a, b, c, d, e, f))
SEXTANT_FORWARD(kCrypto, int, EVP_DigestSign,
                (EVP_MD_CTX* a, unsigned char* b, size_t* c, const unsigned char* d, size_t e),
                (a, b, c, d, e))
SEXTANT_FORWARD(kCrypto, int, EVP_DigestSignInit,
                (EVP_MD_CTX* a, EVP_PKEY_CTX** b, const EVP_MD* c, ENGINE* d, EVP_PKEY* e),
                (a, b, c, d, e))
SEXTANT_FORWARD(kCrypto, void, EVP_MD_CTX_free, (EVP_MD_CTX* a), (a))
SEXTANT_FORWARD(kCrypto, EVP_MD_CTX*, EVP_MD_CTX_new, (), ())
SEXTANT_FORWARD(kCrypto, int, EVP_PKEY_CTX_set_rsa_padding, (EVP_PKEY_CTX* a, int b), (a, b))
SEXTANT_FORWARD(kCrypto, int, EVP_PKEY_CTX_set_rsa_pss_saltlen, (EVP_PKEY_CTX* a, int b), (a, b))
SEXTANT_FORWARD(kCrypto, int, EVP_PKEY_get_id, (const EVP_PKEY* a), (a))
SEXTANT_FORWARD(kCrypto, const EVP_MD*, EVP_md5, (), ())
SEXTANT_FORWARD(kCrypto, const EVP_MD*, EVP_sha1, (), ())
SEXTANT_FORWARD(kCrypto, const EVP_MD*, EVP_sha256, (), ())
SEXTANT_FORWARD(kCrypto, const EVP_MD*, EVP_sha384, (), ())
SEXTANT_FORWARD(kCrypto, const EVP_MD*, EVP_sha512, (), ())
SEXTANT_FORWARD(kCrypto, unsigned char*, HMAC,
                (const EVP_MD* a, const void* b, int c, const unsigned char* d, size_t e, unsigned char* f,
                 unsigned int* g),
                (a, b, c, d, e, f, g))
SEXTANT_FORWARD(kCrypto, int, RAND_bytes, (unsigned char* a, int b), (a, b))
SEXTANT_FORWARD(kCrypto, unsigned char*, SHA256, (const unsigned char* a, size_t b, unsigned char* c),
                (a, b, c))
SEXTANT_FORWARD(kSsl, long, SSL_CTX_ctrl, (SSL_CTX* a, int b, long c, void* d), (a, b, c, d))
SEXTANT_FORWARD(kSsl, void, SSL_CTX_free, (SSL_CTX* a), (a))
SEXTANT_FORWARD(kSsl, void*, SSL_CTX_get_default_passwd_cb_userdata, (SSL_CTX* a), (a))
SEXTANT_FORWARD(kSsl, void*, SSL_CTX_get_ex_data, (const SSL_CTX* a, int b), (a, b))
SEXTANT_FORWARD(kSsl, SSL_verify_cb, SSL_CTX_get_verify_callback, (const SSL_CTX* a), (a))
SEXTANT_FORWARD(kSsl, int, SSL_CTX_load_verify_locations, (SSL_CTX* a, const char* b, const char* c),
                (a, b, c))
SEXTANT_FORWARD(kSsl, SSL_CTX*, SSL_CTX_new, (const SSL_METHOD* a), (a))
SEXTANT_FORWARD(kSsl, int, SSL_CTX_set_alpn_protos, (SSL_CTX* a, const unsigned char* b, unsigned int c),
                (a, b, c))
SEXTANT_FORWARD(kSsl, void, SSL_CTX_set_client_CA_list, (SSL_CTX* a, STACK_OF(X509_NAME)* b), (a, b))
SEXTANT_FORWARD(kSsl, void, SSL_CTX_set_default_passwd_cb_userdata, (SSL_CTX* a, void* b), (a, b))
SEXTANT_FORWARD(kSsl, int, SSL_CTX_set_default_verify_paths, (SSL_CTX* a), (a))
SEXTANT_FORWARD(kSsl, int, SSL_CTX_set_ex_data, (SSL_CTX* a, int b, void* c), (a, b, c))
SEXTANT_FORWARD(kSsl, uint64_t, SSL_CTX_set_options, (SSL_CTX* a, uint64_t b), (a, b))
SEXTANT_FORWARD(kSsl, int, SSL_CTX_set_session_id_context,
                (SSL_CTX* a, const unsigned char* b, unsigned int c),
                (a, b, c))
SEXTANT_FORWARD(kSsl, void, SSL_CTX_set_verify, (SSL_CTX* a, int b, SSL_verify_cb c), (a, b, c))
SEXTANT_FORWARD(kSsl, int, SSL_CTX_up_ref, (SSL_CTX* a), (a))
SEXTANT_FORWARD(kSsl, int, SSL_CTX_use_PrivateKey_file, (SSL_CTX* a, const char* b, int c), (a, b, c))
SEXTANT_FORWARD(kSsl, int, SSL_CTX_use_certificate_chain_file, (SSL_CTX* a, const char* b), (a, b))
SEXTANT_FORWARD(kSsl, void, SSL_CTX_set_alpn_select_cb, (SSL_CTX* a, SSL_CTX_alpn_select_cb_func b, void* c),
                (a, b, c))
SEXTANT_FORWARD(kSsl, void, SSL_get0_alpn_selected, (const SSL* a, const unsigned char** b, unsigned int* c),
                (a, b, c))
SEXTANT_FORWARD(kSsl, int, SSL_set_alpn_protos, (SSL* a, const unsigned char* b, unsigned int c), (a, b, c))
SEXTANT_FORWARD(kSsl, int, SSL_accept, (SSL* a), (a))
SEXTANT_FORWARD(kSsl, int, SSL_connect, (SSL* a), (a))
SEXTANT_FORWARD(kSsl, long, SSL_ctrl, (SSL* a, int b, long c, void* d), (a, b, c, d))
SEXTANT_FORWARD(kSsl, void, SSL_free, (SSL* a), (a))
SEXTANT_FORWARD(kSsl, int, SSL_get_error, (const SSL* a, int b), (a, b))
SEXTANT_FORWARD(kSsl, void*, SSL_get_ex_data, (const SSL* a, int b), (a, b))
SEXTANT_FORWARD(kSsl, int, SSL_get_ex_data_X509_STORE_CTX_idx, (), ())
SEXTANT_FORWARD(kSsl, int, SSL_get_shutdown, (const SSL* a), (a))
SEXTANT_FORWARD(kSsl, int, SSL_get_verify_mode, (const SSL* a), (a))
SEXTANT_FORWARD(kSsl, long, SSL_get_verify_result, (const SSL* a), (a))
SEXTANT_FORWARD(kSsl, STACK_OF(X509_NAME) *, SSL_load_client_CA_file, (const char* a), (a))
SEXTANT_FORWARD(kSsl, SSL*, SSL_new, (SSL_CTX* a), (a))
SEXTANT_FORWARD(kSsl, int, SSL_read, (SSL* a, void* b, int c), (a, b, c))
SEXTANT_FORWARD(kSsl, void, SSL_set_bio, (SSL* a, BIO* b, BIO* c), (a, b, c))
SEXTANT_FORWARD(kSsl, int, SSL_set_ex_data, (SSL* a, int b, void* c), (a, b, c))
SEXTANT_FORWARD(kSsl, void, SSL_set_verify, (SSL* a, int b, SSL_verify_cb c), (a, b, c))
SEXTANT_FORWARD(kSsl, int, SSL_shutdown, (SSL* a), (a))
SEXTANT_FORWARD(kSsl, int, SSL_write, (SSL* a, const void* b, int c), (a, b, c))
SEXTANT_FORWARD(kSsl, const SSL_METHOD*, TLS_client_method, (), ())
SEXTANT_FORWARD(kSsl, const SSL_METHOD*, TLS_method, (), ())
SEXTANT_FORWARD(kSsl, const SSL_METHOD*, TLS_server_method, (), ())
SEXTANT_FORWARD(kCrypto, X509*, X509_STORE_CTX_get_current_cert, (const X509_STORE_CTX* a), (a))
SEXTANT_FORWARD(kCrypto, int, X509_STORE_CTX_get_error_depth, (const X509_STORE_CTX* a), (a))
SEXTANT_FORWARD(kCrypto, void*, X509_STORE_CTX_get_ex_data, (const X509_STORE_CTX* a, int b), (a, b))
SEXTANT_FORWARD(kCrypto, int, X509_check_host, (X509* a, const char* b, size_t c, unsigned int d, char** e),
                (a, b, c, d, e))
SEXTANT_FORWARD(kCrypto, int, X509_check_ip_asc, (X509* a, const char* b, unsigned int c), (a, b, c))
SEXTANT_FORWARD(kCrypto, const unsigned char*, ASN1_STRING_get0_data, (const ASN1_STRING* a), (a))
SEXTANT_FORWARD(kCrypto, int, ASN1_STRING_length, (const ASN1_STRING* a), (a))
SEXTANT_FORWARD(kCrypto, BIO*, BIO_new, (const BIO_METHOD* a), (a))
SEXTANT_FORWARD(kCrypto, const BIO_METHOD*, BIO_s_mem, (), ())
SEXTANT_FORWARD(kCrypto, int, i2d_X509, (const X509* a, unsigned char** b), (a, b))
SEXTANT_FORWARD(kCrypto, PKCS12*, d2i_PKCS12_bio, (BIO* a, PKCS12** b), (a, b))
SEXTANT_FORWARD(kCrypto, void, PKCS12_free, (PKCS12* a), (a))
SEXTANT_FORWARD(kCrypto, int, PKCS12_parse,
                (PKCS12* a, const char* b, EVP_PKEY** c, X509** d, STACK_OF(X509) * *e),
                (a, b, c, d, e))
SEXTANT_FORWARD(kCrypto, int, PEM_write_bio_PrivateKey,
                (BIO* a, const EVP_PKEY* b, const EVP_CIPHER* c, const unsigned char* d, int e,
                 pem_password_cb* f, void* g),
                (a, b, c, d, e, f, g))
SEXTANT_FORWARD(kCrypto, void, OPENSSL_sk_free, (OPENSSL_STACK* a), (a))
SEXTANT_FORWARD(kCrypto, BIO*, BIO_new_mem_buf, (const void* a, int b), (a, b))
SEXTANT_FORWARD(kCrypto, void, EVP_PKEY_free, (EVP_PKEY* a), (a))
SEXTANT_FORWARD(kCrypto, void, GENERAL_NAMES_free, (GENERAL_NAMES* a), (a))
SEXTANT_FORWARD(kCrypto, int, OPENSSL_sk_num, (const OPENSSL_STACK* a), (a))
SEXTANT_FORWARD(kCrypto, void*, OPENSSL_sk_value, (const OPENSSL_STACK* a, int b), (a, b))
SEXTANT_FORWARD(kCrypto, EVP_PKEY*, PEM_read_bio_PrivateKey, (BIO* a, EVP_PKEY** b, pem_password_cb* c, void* d),
                (a, b, c, d))
SEXTANT_FORWARD(kCrypto, X509*, PEM_read_bio_X509, (BIO* a, X509** b, pem_password_cb* c, void* d), (a, b, c, d))
SEXTANT_FORWARD(kCrypto, X509*, PEM_read_bio_X509_AUX, (BIO* a, X509** b, pem_password_cb* c, void* d), (a, b, c, d))
SEXTANT_FORWARD(kSsl, pem_password_cb*, SSL_CTX_get_default_passwd_cb, (SSL_CTX* a), (a))
SEXTANT_FORWARD(kSsl, int, SSL_CTX_add_client_CA, (SSL_CTX* a, X509* b), (a, b))
SEXTANT_FORWARD(kSsl, X509_STORE*, SSL_CTX_get_cert_store, (const SSL_CTX* a), (a))
SEXTANT_FORWARD(kSsl, void, SSL_CTX_set_cert_verify_callback,
                (SSL_CTX* a, int (*b)(X509_STORE_CTX*, void*), void* c),
                (a, b, c))
SEXTANT_FORWARD(kSsl, int, SSL_CTX_set_cipher_list, (SSL_CTX* a, const char* b), (a, b))
SEXTANT_FORWARD(kSsl, int, SSL_CTX_use_PrivateKey, (SSL_CTX* a, EVP_PKEY* b), (a, b))
SEXTANT_FORWARD(kSsl, int, SSL_CTX_use_certificate, (SSL_CTX* a, X509* b), (a, b))
SEXTANT_FORWARD(kCrypto, X509*, X509_STORE_CTX_get0_cert, (const X509_STORE_CTX* a), (a))
SEXTANT_FORWARD(kCrypto, void, X509_STORE_CTX_set_error, (X509_STORE_CTX* a, int b), (a, b))
SEXTANT_FORWARD(kCrypto, int, X509_STORE_add_cert, (X509_STORE* a, X509* b), (a, b))
SEXTANT_FORWARD(kCrypto, void, X509_free, (X509* a), (a))
SEXTANT_FORWARD(kCrypto, void*, X509_get_ext_d2i, (const X509* a, int b, int* c, int* d), (a, b, c, d))
SEXTANT_FORWARD(kCrypto, int, X509_verify_cert, (X509_STORE_CTX* a), (a))
// clang-format on

}  // extern "C"
