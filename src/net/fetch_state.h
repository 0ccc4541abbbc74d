// A fetch under way, as the client's parts know it. Internal to net: includes curl.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "net/prepared_request.h"
#include "net/response_collector.h"
#include "net/transfer.h"

namespace sextant::net {

class PlainConnection;

struct FetchHandle::State : std::enable_shared_from_this<FetchHandle::State> {
  State(std::shared_ptr<const PreparedRequest> prepared_in, std::string body_buffer)
      : prepared(std::move(prepared_in)),
        collector(std::shared_ptr<const FetchRequest>(prepared, &prepared->request), std::move(body_buffer)) {
  }

  const std::shared_ptr<const PreparedRequest> prepared;
  ResponseCollector collector;
  FetchDelivery delivery;
  FetchCallback callback;
  std::weak_ptr<HttpClient::Impl> client;
  std::chrono::steady_clock::time_point deadline;  // set when it begins

  // The fetch that goes on in the place of one that is authorized first, with the completed request.
  std::shared_ptr<State> successor;

  // While it runs, one of the two.
  std::optional<Transfer> transfer;
  CurlEasyPtr easy;
  std::shared_ptr<PlainConnection> connection;
};

}  // namespace sextant::net
