// Sends the requests that scraping consists of, GETs to a server in the clear, over kept connections, for a
// fraction of what they cost with libcurl. It knows the straight case only (response_reader.h); a fetch that
// turns out to be another one (a redirect, an odd response) it gives back, to be sent anew by libcurl.
// Internal to net: includes Asio. Used on its loop's thread only.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "net/fetch_state.h"
#include "net/io_internal.h"

namespace sextant::net {

class PlainClient : public std::enable_shared_from_this<PlainClient> {
 public:
  using Fetching = FetchHandle::State;
  using TimePoint = std::chrono::steady_clock::time_point;

  enum class Ended {
    kDone,     // the collector has the outcome
    kGivenUp,  // for libcurl; the collector is as new
  };
  // Not called from inside Begin.
  using EndCallback = std::function<void(const std::shared_ptr<Fetching>& fetch, Ended how)>;

  // `loop` must outlive the client.
  PlainClient(IoLoop& loop, const HttpClientOptions& options, EndCallback on_end);
  ~PlainClient();

  // Whether the fetch is one to begin here.
  bool Takes(const Fetching& fetch) const;
  // Begins a fetch whose deadline is set.
  void Begin(const std::shared_ptr<Fetching>& fetch);
  // Ends a fetch under way; the callback is not called.
  void Cancel(const std::shared_ptr<Fetching>& fetch);
  // Cancels all and closes all connections. Nothing may be begun after.
  std::vector<std::shared_ptr<Fetching>> Stop();

  size_t in_flight() const { return running_.size(); }

 private:
  friend class PlainConnection;
  using Connection = PlainConnection;
  using Buffer = std::unique_ptr<char[]>;
  using Key = std::pair<std::string, uint16_t>;
  struct KeyHash {
    size_t operator()(const Key& key) const { return std::hash<std::string>()(key.first) * 31 + key.second; }
  };

  std::shared_ptr<Connection> TakeIdle(const PreparedRequest& prepared);
  void Open(const std::shared_ptr<Fetching>& fetch);
  void Return(const std::shared_ptr<Connection>& connection);
  void End(const std::shared_ptr<Fetching>& fetch, Ended how);
  void NoteOdd(const PreparedRequest& prepared);
  Buffer TakeBuffer();
  void GiveBuffer(Buffer buffer);
  void ArmFor(TimePoint when);
  void OnTimer();
  void CloseIdle(TimePoint unused_since);

  IoLoop& loop_;
  const HttpClientOptions& options_;
  const EndCallback on_end_;
  SteadyTimer timer_;
  TimePoint armed_ = TimePoint::max();
  std::unordered_map<Key, std::vector<std::shared_ptr<Connection>>, KeyHash> idle_;
  size_t idle_count_ = 0;
  std::unordered_set<std::shared_ptr<Fetching>> running_;
  std::unordered_set<std::string> odd_urls_;  // that libcurl is to ask at once
  std::vector<Buffer> buffers_;
  bool is_stopped_ = false;
};

}  // namespace sextant::net
