// A connection to one Kafka broker, with TLS or without: requests and answers, one at a time. Internal to
// net.
//
// It is opened by the first exchange, and once more when the broker has closed it while nobody asked for
// anything. After any error it is of no more use. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "net/http_client.h"
#include "net/io.h"
#include "net/url.h"

namespace sextant::net {

class KafkaConnection {
 public:
  using Callback = std::function<void(core::Result<std::string> answer)>;

  // `io` must outlive it.
  KafkaConnection(IoContext& io, HostPort address, std::shared_ptr<const TlsClientOptions> tls);
  ~KafkaConnection();  // closes

  // Sends `request`, which has its length before it, and gives the answer without its length; empty at once
  // when none is expected. Calls back exactly once, as `delivery` says. Errors: kUnavailable,
  // kDeadlineExceeded, kPermissionDenied (certificate not trusted), kCorruption, kCancelled. Not before the
  // last exchange has ended.
  void Exchange(std::string request, bool expects_answer, core::DurationMs timeout_ms, FetchDelivery delivery,
                Callback callback);
  // The exchange under way gets kCancelled, and so do later ones.
  void Close();

 private:
  struct Session;
  std::shared_ptr<Session> session_;
};

}  // namespace sextant::net
