#include "httpclient/certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

#include "config/node.h"
#include "core/base64.h"

namespace sextant::httpclient {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr size_t kMaxFileBytes = 1 << 20;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreePkcs12 {
  void operator()(PKCS12* store) const { PKCS12_free(store); }
};
using BioPtr = std::unique_ptr<BIO, FreeBio>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;
using X509Ptr = std::unique_ptr<X509, FreeX509>;

struct Parts {
  KeyPtr key;
  std::vector<X509Ptr> chain;
};

BioPtr BioOf(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Never asks at a terminal.
int GivePassword(char* buffer, int size, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  int length = std::min(size, static_cast<int>(text.size()));
  std::copy_n(text.data(), length, buffer);
  return length;
}

KeyPtr ReadKey(const std::string& text, std::string password) {
  return KeyPtr(PEM_read_bio_PrivateKey(BioOf(text).get(), nullptr, GivePassword, &password));
}

Parts ReadPem(const std::string& text, const std::string& password) {
  Parts parts;
  BioPtr bio = BioOf(text);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    parts.chain.emplace_back(certificate);
  }
  parts.key = ReadKey(text, password);
  return parts;
}

Parts ReadPkcs12(const std::string& bytes, const std::string& password) {
  Parts parts;
  std::unique_ptr<PKCS12, FreePkcs12> store(d2i_PKCS12_bio(BioOf(bytes).get(), nullptr));
  EVP_PKEY* key = nullptr;
  X509* certificate = nullptr;
  STACK_OF(X509)* others = nullptr;
  if (store == nullptr || PKCS12_parse(store.get(), password.c_str(), &key, &certificate, &others) != 1) {
    return parts;
  }
  parts.key.reset(key);
  if (certificate != nullptr) parts.chain.emplace_back(certificate);
  for (int i = 0; i < sk_X509_num(others); ++i) parts.chain.emplace_back(sk_X509_value(others, i));
  sk_X509_free(others);
  return parts;
}

std::string DerOf(X509* certificate) {
  int size = i2d_X509(certificate, nullptr);
  std::string der(static_cast<size_t>(std::max(size, 0)), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  if (!der.empty()) i2d_X509(certificate, &out);
  return der;
}

Result<std::string> PemOf(EVP_PKEY* key) {
  BioPtr out(BIO_new(BIO_s_mem()));
  if (out == nullptr ||
      PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Fail(Code::kInvalidArgument, "the key cannot be used");
  }
  std::string pem(BIO_ctrl_pending(out.get()), '\0');
  int size = BIO_read(out.get(), pem.data(), static_cast<int>(pem.size()));
  pem.resize(static_cast<size_t>(std::max(size, 0)));
  return pem;
}

}  // namespace

Result<CertificateAndKey> LoadCertificateAndKey(const std::string& path, const std::string& key_path,
                                                const std::string& password) {
  SEXTANT_ASSIGN(std::string text, config::ReadTextFile(path, kMaxFileBytes));
  const bool is_pem = text.find("-----BEGIN ") != std::string::npos;
  Parts parts = is_pem ? ReadPem(text, password) : ReadPkcs12(text, password);
  if (!key_path.empty()) {
    SEXTANT_ASSIGN(std::string key_text, config::ReadTextFile(key_path, kMaxFileBytes));
    parts.key = ReadKey(key_text, password);
  }
  ERR_clear_error();
  if (parts.chain.empty()) {
    return Fail(Code::kInvalidArgument,
                "{}: it has no certificate, neither in PEM nor, with this password, in PKCS 12", path);
  }
  if (parts.key == nullptr) {
    return Fail(Code::kInvalidArgument, "{}: it has no private key that can be read",
                key_path.empty() ? path : key_path);
  }
  CertificateAndKey found;
  SEXTANT_ASSIGN(found.key_pem, PemOf(parts.key.get()).map_error(core::AddContext("{}", path)));
  for (const X509Ptr& certificate : parts.chain) {
    std::string der = DerOf(certificate.get());
    if (found.sha256.empty()) {
      found.sha256.resize(SHA256_DIGEST_LENGTH);
      SHA256(reinterpret_cast<const unsigned char*>(der.data()), der.size(),
             reinterpret_cast<unsigned char*>(found.sha256.data()));
    }
    found.chain_base64.push_back(core::EncodeBase64(der));
  }
  return found;
}

}  // namespace sextant::httpclient
