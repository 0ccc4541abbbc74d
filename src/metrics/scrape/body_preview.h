// What a target answers now, for people who look at it: one fetch as a scrape would do it, of which nothing
// is stored.
//
// Of the body the first kMaxPreviewBytes are kept, however long it is; what goes beyond the job's limit of a
// body is not read. Formats of text are asked for where the job takes any, uncompressed. Credentials that the
// job sends are hidden where a target repeats them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/prometheus_config.h"
#include "core/clock.h"
#include "core/executor.h"
#include "net/http_client.h"

namespace sextant::scrape {

inline constexpr size_t kMaxPreviewBytes = 64 << 10;

struct BodyPreview {
  int status = 0;  // of HTTP; 0: no answer, or a source in this process
  std::string content_type = {};
  std::string content_encoding = {};  // that the target used unasked; the body is not shown then
  std::string body = {};              // its beginning; empty unless it is text
  bool is_text = true;                // valid UTF-8 without zero bytes
  uint64_t received_bytes = 0;        // of the body
  double duration_seconds = 0;
  std::string error = {};  // why the answer did not come, or not to its end; empty: it did
};

// Called once, on the executor.
using BodyPreviewCallback = std::function<void(BodyPreview preview)>;

// Fetches with `request`, which is ready to be sent. `job` is where its settings come from. All references
// must outlive the callback.
void FetchBodyPreview(net::HttpClient& client, core::Executor& executor, const core::Clock& clock,
                      const config::ScrapeConfig& job, net::FetchRequest request,
                      BodyPreviewCallback callback);

// The preview of a body that is here already.
BodyPreview PreviewOf(std::string_view body, std::string content_type);

// What a target could repeat of a request, that is nobody's business.
std::vector<std::string> SecretsOf(const net::FetchRequest& request, const config::HttpClientConfig& http);

// `text` without the secrets, of which very short ones count only as words of their own; with `hides_authorization` also
// without what follows "Authorization:".
std::string HideSecrets(std::string text, const std::vector<std::string>& secrets, bool hides_authorization);

}  // namespace sextant::scrape
