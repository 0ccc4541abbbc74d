#include "metrics/scrape/body_preview.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "core/base64.h"
#include "metrics/scrape/accept_header.h"
#include "model/labels.h"

namespace sextant::scrape {

namespace {

// More than is shown, so that a secret at the end of it is seen whole.
constexpr size_t kMaxSecretBytes = 16 << 10;
constexpr size_t kMaxKeptBytes = kMaxPreviewBytes + kMaxSecretBytes;
// Shorter ones are hidden only where they stand for themselves: they occur within words by chance.
constexpr size_t kMinWithinWords = 4;
constexpr std::string_view kHidden = "<secret>";

// The body as it comes.
struct Collected {
  std::mutex mutex;
  std::string kept;
  uint64_t received_bytes = 0;
  uint64_t limit_bytes = 0;
  std::optional<net::FetchHandle> fetch;
  bool is_too_large = false;

  void Take(std::string_view piece) {
    std::lock_guard lock(mutex);
    received_bytes += piece.size();
    kept.append(piece.substr(0, kMaxKeptBytes - kept.size()));
    if (received_bytes <= limit_bytes) return;
    is_too_large = true;
    if (fetch) fetch->Cancel();
  }
  void SetFetch(net::FetchHandle handle) {
    std::lock_guard lock(mutex);
    fetch = std::move(handle);
    if (is_too_large) fetch->Cancel();
  }
};

// Without a character that was cut at the end.
std::string_view WholeCharacters(std::string_view text) {
  for (size_t cut = 0; cut < 4 && cut <= text.size(); ++cut) {
    std::string_view shorter = text.substr(0, text.size() - cut);
    if (model::IsValidUtf8(shorter)) return shorter;
  }
  return text;
}

void SetBody(BodyPreview& preview, std::string_view text, bool is_cut) {
  bool is_longer = text.size() > kMaxPreviewBytes;
  text = text.substr(0, kMaxPreviewBytes);
  if (is_longer || is_cut) text = WholeCharacters(text);
  preview.is_text = model::IsValidUtf8(text) && text.find('\0') == std::string_view::npos;
  preview.body = preview.is_text ? std::string(text) : "";
}

// Whether no letter or digit touches that part of the text.
bool StandsAlone(std::string_view text, size_t at, size_t length) {
  auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  bool has_left = at > 0 && is_word(text[at - 1]) && is_word(text[at]);
  size_t end = at + length;
  bool has_right = end < text.size() && is_word(text[end]) && is_word(text[end - 1]);
  return !has_left && !has_right;
}

// Where what follows "authorization" as the name of a header begins; npos: it is none.
size_t CredentialsAfter(std::string_view text, size_t at) {
  auto skip = [&](std::string_view characters) {
    at = std::min(text.find_first_not_of(characters, at), text.size());
  };
  skip("\"' ");
  if (at == text.size() || text[at] != ':') return std::string_view::npos;
  ++at;
  skip("\"' [");
  return at;
}

}  // namespace

std::vector<std::string> SecretsOf(const net::FetchRequest& request, const config::HttpClientConfig& http) {
  std::vector<std::string> secrets = {request.bearer_token, request.basic_password};
  if (!request.basic_password.empty()) {
    secrets.push_back(core::EncodeBase64(request.basic_user + ":" + request.basic_password));
  }
  std::string_view authorization = request.headers.Get("Authorization");
  if (size_t space = authorization.find(' '); space != std::string_view::npos) {
    authorization.remove_prefix(space + 1);
  }
  secrets.emplace_back(authorization);
  for (const auto& [name, header] : http.http_headers) {
    if (header.secrets.empty() && header.files.empty()) continue;
    for (size_t i = 0; i < request.headers.size(); ++i) {
      if (net::EqualsIgnoreCase(request.headers.name(i), name))
        secrets.emplace_back(request.headers.value(i));
    }
  }
  // The longest first: one may be within another.
  std::ranges::stable_sort(secrets, std::greater(), &std::string::size);
  std::erase_if(secrets, [](const std::string& secret) { return secret.empty(); });
  return secrets;
}

std::string HideSecrets(std::string text, const std::vector<std::string>& secrets, bool hides_authorization) {
  for (const std::string& secret : secrets) {
    for (size_t at = 0; (at = text.find(secret, at)) != std::string::npos;) {
      if (secret.size() < kMinWithinWords && !StandsAlone(text, at, secret.size())) {
        ++at;
        continue;
      }
      text.replace(at, secret.size(), kHidden);
      at += kHidden.size();
    }
  }
  if (!hides_authorization) return text;
  constexpr std::string_view kName = "authorization";
  auto is_same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  for (size_t at = 0; at < text.size();) {
    auto found = std::search(text.begin() + static_cast<ptrdiff_t>(at), text.end(), kName.begin(),
                             kName.end(), is_same);
    if (found == text.end()) break;
    at = static_cast<size_t>(found - text.begin()) + kName.size();
    size_t begin = CredentialsAfter(text, at);
    if (begin == std::string::npos) continue;
    size_t end = std::min(text.find_first_of("\"'\r\n", begin), text.size());
    text.replace(begin, end - begin, kHidden);
    at = begin + kHidden.size();
  }
  return text;
}

BodyPreview PreviewOf(std::string_view body, std::string content_type) {
  BodyPreview preview;
  preview.content_type = std::move(content_type);
  preview.received_bytes = body.size();
  SetBody(preview, body, false);
  return preview;
}

void FetchBodyPreview(net::HttpClient& client, core::Executor& executor, const core::Clock& clock,
                      const config::ScrapeConfig& job, net::FetchRequest request,
                      BodyPreviewCallback callback) {
  std::vector<config::ScrapeProtocol> protocols = job.scrape_protocols;
  std::erase(protocols, config::ScrapeProtocol::kPrometheusProto);
  if (!protocols.empty()) {
    request.headers.Set("Accept", AcceptHeader(protocols, job.names.escaping_scheme()));
  }
  std::vector<std::string> secrets = SecretsOf(request, job.http);
  const bool hides_authorization = request.authorizer != nullptr;
  auto collected = std::make_shared<Collected>();
  collected->limit_bytes = request.max_body_bytes;
  request.accept_compressed = false;
  request.on_data = [collected](std::string_view piece) { collected->Take(piece); };
  const int64_t begun_ns = clock.MonotonicNs();
  net::FetchHandle handle = client.Fetch(
      std::move(request), {.executor = &executor, .priority = core::Priority::kQuery},
      [&clock, collected, begun_ns, secrets = std::move(secrets), hides_authorization,
       callback = std::move(callback)](core::Result<net::FetchResponse> response) {
        BodyPreview preview;
        preview.duration_seconds = static_cast<double>(clock.MonotonicNs() - begun_ns) / 1e9;
        if (response) {
          preview.status = response->status;
          preview.content_type = response->headers.Get("Content-Type");
          preview.content_encoding = response->headers.Get("Content-Encoding");
          if (preview.content_encoding == "identity") preview.content_encoding.clear();
        } else {
          preview.error = HideSecrets(response.error().message(), secrets, hides_authorization);
        }
        std::lock_guard lock(collected->mutex);
        preview.received_bytes = collected->received_bytes;
        if (collected->is_too_large) {
          preview.error =
              fmt::format("body is larger than {} bytes, the rest was not read", collected->limit_bytes);
        }
        bool is_cut = !preview.error.empty() || collected->received_bytes > collected->kept.size();
        SetBody(preview, HideSecrets(std::move(collected->kept), secrets, hides_authorization), is_cut);
        if (!preview.content_encoding.empty()) {
          preview.is_text = false;
          preview.body.clear();
        }
        callback(std::move(preview));
      });
  collected->SetFetch(std::move(handle));
}

}  // namespace sextant::scrape
