#include "httpclient/jwt.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <simdjson.h>

#include <array>
#include <memory>
#include <vector>

#include "core/base64.h"
#include "core/json_writer.h"

namespace sextant::httpclient {

namespace {

using core::Code;
using core::Fail;
using core::Result;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;

// Nobody is asked for a passphrase.
int NoPassphrase(char*, int, int, void*) { return 0; }

Result<KeyPtr> ReadKey(const std::string& pem) {
  std::unique_ptr<BIO, FreeBio> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  KeyPtr key(bio == nullptr ? nullptr : PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  ERR_clear_error();
  if (key == nullptr || EVP_PKEY_get_id(key.get()) != EVP_PKEY_RSA) {
    return Fail(Code::kInvalidArgument,
                "invalid key: it must be an RSA key in PEM (PKCS1 or PKCS8) without a passphrase");
  }
  return key;
}

const EVP_MD* DigestOf(std::string_view algorithm) {
  if (algorithm == "RS256" || algorithm == "PS256") return EVP_sha256();
  if (algorithm == "RS384") return EVP_sha384();
  return algorithm == "RS512" ? EVP_sha512() : nullptr;
}

Result<std::string> Sign(const std::string& algorithm, const std::string& text, EVP_PKEY* key) {
  const EVP_MD* digest = DigestOf(algorithm);
  if (digest == nullptr) return Fail(Code::kInvalidArgument, "unknown signature algorithm {}", algorithm);
  std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;  // the context's
  bool is_good =
      context != nullptr && EVP_DigestSignInit(context.get(), &settings, digest, nullptr, key) == 1;
  if (is_good && algorithm == "PS256") {
    is_good = EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1 &&
              EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) == 1;
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  size_t size = 0;
  is_good = is_good && EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) == 1;
  std::string signature(size, '\0');
  is_good = is_good && EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                                      &size, bytes, text.size()) == 1;
  ERR_clear_error();
  if (!is_good) return Fail(Code::kInvalidArgument, "the key cannot sign with {}", algorithm);
  signature.resize(size);
  return signature;
}

}  // namespace

std::string EncodeBase64Url(std::string_view bytes) {
  std::string text = core::EncodeBase64(bytes);
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

std::string RandomUuid() {
  std::array<unsigned char, 16> bytes{};
  SEXTANT_CHECK(RAND_bytes(bytes.data(), bytes.size()) == 1);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", bytes[i]);
  }
  return text;
}

std::string MergeJsonObjects(const std::string& first, const std::string& second) {
  simdjson::dom::parser first_parser;
  simdjson::dom::parser second_parser;
  simdjson::dom::object a;
  simdjson::dom::object b;
  bool has_a = first_parser.parse(simdjson::padded_string(first)).get(a) == simdjson::SUCCESS;
  bool has_b = second_parser.parse(simdjson::padded_string(second)).get(b) == simdjson::SUCCESS;
  core::JsonWriter json;
  json.BeginObject();
  if (has_a) {
    for (auto [name, value] : a) {
      if (has_b && b[name].error() == simdjson::SUCCESS) continue;
      json.Key(name).Raw(simdjson::minify(value));
    }
  }
  if (has_b) {
    for (auto [name, value] : b) json.Key(name).Raw(simdjson::minify(value));
  }
  json.EndObject();
  return std::move(json).Take();
}

Result<std::string> SignJwt(const JwtHeader& header, const std::string& claims_json,
                            const std::string& key_pem) {
  SEXTANT_ASSIGN(KeyPtr key, ReadKey(key_pem));
  core::JsonWriter json;
  json.BeginObject().Key("alg").String(header.algorithm).Key("typ").String("JWT");
  if (!header.key_id.empty()) json.Key("kid").String(header.key_id);
  json.EndObject();
  std::string text = EncodeBase64Url(MergeJsonObjects(std::move(json).Take(), header.more_json)) + "." +
                     EncodeBase64Url(claims_json);
  SEXTANT_ASSIGN(std::string signature, Sign(header.algorithm, text, key.get()));
  return text + "." + EncodeBase64Url(signature);
}

}  // namespace sextant::httpclient
