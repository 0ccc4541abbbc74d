// A certificate with its RSA key, read from files to prove who a client is. Any thread.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"

namespace sextant::httpclient {

struct CertificateAndKey {
  std::string key_pem;                    // without a passphrase
  std::string sha256;                     // of the certificate, 32 bytes
  std::vector<std::string> chain_base64;  // DER of the certificate and of those behind it
};

// `path` is PEM with certificate and key, or PKCS 12; with `key_path` (PEM) it needs no key. `password` opens
// PKCS 12 and PEM keys with a passphrase. Files may have 1 MiB. kInvalidArgument names the file.
core::Result<CertificateAndKey> LoadCertificateAndKey(const std::string& path, const std::string& key_path,
                                                      const std::string& password);

}  // namespace sextant::httpclient
