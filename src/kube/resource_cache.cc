#include "kube/resource_cache.h"

#include <algorithm>
#include <set>

#include "net/retry_after.h"
#include "net/url.h"

namespace sextant::kube {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr size_t kPageItems = 500;
constexpr size_t kMaxPageBytes = 256 << 20;
constexpr size_t kMaxObjects = 1'000'000;      // of a list
constexpr size_t kMaxPendingBytes = 64 << 20;  // of a watch, received and not yet read
constexpr core::DurationMs kListTimeoutMs = 60'000;
constexpr core::DurationMs kWatchSeconds = 300;
constexpr core::DurationMs kWatchSlackMs = 30'000;  // until a server that does not end its watch is given up

core::Error StatusError(const net::FetchResponse& response) {
  std::string message = StatusMessage(response.body);
  return {Code::kUnavailable,
          fmt::format("the API server answered {} {}{}{}", response.status, net::StatusText(response.status),
                      message.empty() ? "" : ": ", message)};
}

}  // namespace

// A watch under way: what has come and has not been read yet.
struct ResourceCache::Stream {
  std::mutex mutex;
  std::string pending;  // guarded by mutex, as what follows
  std::optional<Result<net::FetchResponse>> end;
  bool is_draining = false;
  bool is_too_much = false;

  // Touched by the one who drains.
  std::string line;  // its beginning
  bool is_broken = false;
  core::TimestampMs begun_ms = 0;
};

ResourceCache::ResourceCache(const Services& services, ClientConfig client, Resource resource)
    : services_(services),
      client_(std::move(client)),
      resource_(std::move(resource)),
      logger_(services.logger.With("resource", resource_.path)),
      failures_(services.registry.AddCounter("prometheus_sd_kubernetes_failures_total",
                                             "The number of failed WATCH/LIST requests.")),
      timer_(services.io, services.executor, core::Priority::kBackground) {}

ResourceCache::~ResourceCache() {
  net::FetchHandle fetch;
  {
    std::lock_guard lock(mutex_);
    is_stopped_ = true;
    fetch = fetch_;
  }
  fetch.Cancel();
}

bool ResourceCache::is_stopped() const {
  std::lock_guard lock(mutex_);
  return is_stopped_;
}

bool ResourceCache::has_synced() const {
  std::lock_guard lock(mutex_);
  return has_synced_;
}

ObjectPtr ResourceCache::Find(const std::string& key) const {
  std::lock_guard lock(mutex_);
  auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : found->second;
}

std::vector<ObjectPtr> ResourceCache::All() const {
  std::vector<ObjectPtr> all;
  std::lock_guard lock(mutex_);
  for (const auto& [key, object] : objects_) all.push_back(object);
  return all;
}

uint64_t ResourceCache::Subscribe(Listener listener) {
  std::lock_guard lock(mutex_);
  listeners_.emplace(next_id_, std::make_shared<const Listener>(std::move(listener)));
  return next_id_++;
}

void ResourceCache::Unsubscribe(uint64_t id) {
  std::unique_lock lock(mutex_);
  listeners_.erase(id);
  idle_.wait(lock, [&] { return running_id_ != id; });
}

void ResourceCache::Notify(const std::vector<std::string>& changed) {
  std::unique_lock lock(mutex_);
  std::vector<uint64_t> ids;
  for (const auto& [id, listener] : listeners_) ids.push_back(id);
  for (uint64_t id : ids) {
    auto found = listeners_.find(id);
    if (found == listeners_.end()) continue;
    std::shared_ptr<const Listener> listener = found->second;
    running_id_ = id;
    lock.unlock();
    (*listener)(changed);
    lock.lock();
    running_id_ = 0;
    idle_.notify_all();
  }
}

// Transfers, timers and tasks do not keep the cache alive: its users do.
void ResourceCache::Fetch(const std::string& query, std::function<void(net::FetchRequest&)> prepare,
                          net::FetchCallback callback) {
  std::string path = resource_.path + "?" + query;
  if (!resource_.label_selector.empty())
    path += "&labelSelector=" + net::QueryEscape(resource_.label_selector);
  if (!resource_.field_selector.empty())
    path += "&fieldSelector=" + net::QueryEscape(resource_.field_selector);
  Result<net::FetchRequest> request = MakeRequest(client_, path, services_.user_agent);
  if (!request) return callback(tl::unexpected(request.error()));
  prepare(*request);
  net::FetchHandle handle = services_.client.Fetch(
      std::move(*request), {.executor = &services_.executor, .priority = core::Priority::kBackground},
      std::move(callback));
  std::lock_guard lock(mutex_);
  fetch_ = handle;
}

void ResourceCache::Retry(const core::Error& why, core::DurationMs at_least_ms, std::function<void()> again) {
  if (is_stopped()) return;
  failures_.Increment();
  core::DurationMs wait_ms = std::max(wait_ms_, at_least_ms);
  logger_.Warn("the API server does not answer as it should; trying again",
               {{"error", why}, {"wait_ms", wait_ms}});
  wait_ms_ = std::min(wait_ms_ * 2, kLongestWaitMs);
  timer_.StartAfter(wait_ms, [weak = weak_from_this(), again = std::move(again)] {
    if (auto self = weak.lock()) again();
  });
}

void ResourceCache::Start() { List(""); }

void ResourceCache::List(std::string token) {
  if (is_stopped()) return;
  if (token.empty()) listed_.clear();
  std::string query = fmt::format("limit={}", kPageItems);
  if (!token.empty()) query += "&continue=" + net::QueryEscape(token);
  Fetch(
      query,
      [](net::FetchRequest& request) {
        request.timeout_ms = kListTimeoutMs;
        request.max_body_bytes = kMaxPageBytes;
      },
      [weak = weak_from_this()](Result<net::FetchResponse> response) {
        if (auto self = weak.lock()) self->TakePage(std::move(response));
      });
}

void ResourceCache::TakePage(Result<net::FetchResponse> response) {
  auto again = [this] { List(""); };
  if (!response) return Retry(response.error(), 0, again);
  // A list that took longer than the server remembers is begun anew.
  if (response->status != 200)
    return Retry(StatusError(*response),
                 net::RetryAfterMs(response->headers.Get("Retry-After"), services_.clock.NowMs()), again);
  Result<ListPage> page = ParseList(response->body, resource_.kind);
  if (!page) return Retry(page.error(), 0, again);
  if (listed_.size() + page->items.size() > kMaxObjects) {
    listed_.clear();
    return Retry({core::Code::kResourceExhausted, "there are too many objects"}, 0, again);
  }
  std::ranges::move(page->items, std::back_inserter(listed_));
  if (!page->next.empty()) return List(page->next);
  version_ = page->resource_version;
  wait_ms_ = kFirstWaitMs;
  needs_list_ = false;
  Replace(std::exchange(listed_, {}));
  Watch();
}

void ResourceCache::Replace(std::vector<ObjectPtr> objects) {
  std::map<std::string, ObjectPtr> next;
  for (ObjectPtr& object : objects) {
    std::string key = object->meta.key();
    next.insert_or_assign(std::move(key), std::move(object));
  }
  std::vector<std::string> changed;
  bool is_first = false;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [key, object] : objects_) {
      if (!next.contains(key)) changed.push_back(key);
    }
    for (auto& [key, object] : next) {
      auto before = objects_.find(key);
      if (before != objects_.end() && *before->second == *object) {
        object = before->second;
      } else {
        changed.push_back(key);
      }
    }
    objects_ = std::move(next);
    is_first = !std::exchange(has_synced_, true);
  }
  if (is_first || !changed.empty()) Notify(changed);
}

void ResourceCache::Watch() {
  if (is_stopped()) return;
  auto stream = std::make_shared<Stream>();
  stream->begun_ms = services_.clock.NowMs();
  auto wake = [weak = weak_from_this(), stream, &executor = services_.executor] {
    // Called with the stream's lock held.
    if (std::exchange(stream->is_draining, true)) return;
    core::Status queued = executor.Submit(core::Priority::kBackground, [weak, stream] {
      if (auto self = weak.lock()) self->Drain(stream);
    });
    if (!queued) stream->is_draining = false;  // the next piece, or the end, tries again
  };
  Fetch(
      fmt::format("watch=1&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}",
                  net::QueryEscape(version_), kWatchSeconds + services_.clock.NowMs() % kWatchSeconds),
      [&](net::FetchRequest& request) {
        request.timeout_ms = 2 * kWatchSeconds * 1'000 + kWatchSlackMs;
        request.accept_compressed = false;
        request.on_data = [stream, wake](std::string_view piece) {
          std::lock_guard lock(stream->mutex);
          if (stream->is_too_much) return;
          stream->is_too_much = stream->pending.size() + piece.size() > kMaxPendingBytes;
          if (!stream->is_too_much) stream->pending.append(piece);
          wake();
        };
      },
      [weak = weak_from_this(), stream](Result<net::FetchResponse> response) {
        {
          std::lock_guard lock(stream->mutex);
          stream->end = std::move(response);
          if (stream->is_draining) return;
          stream->is_draining = true;
        }
        if (auto self = weak.lock()) self->Drain(stream);
      });
}

// Reads what has come, until there is nothing more; one at a time.
void ResourceCache::Drain(const std::shared_ptr<Stream>& stream) {
  while (true) {
    std::string bytes;
    std::optional<Result<net::FetchResponse>> end;
    {
      std::lock_guard lock(stream->mutex);
      bytes.swap(stream->pending);
      if (stream->is_too_much) stream->is_broken = needs_list_ = true;
      if (bytes.empty() && stream->end) {
        end = std::move(stream->end);
        stream->end.reset();
      } else if (bytes.empty()) {
        stream->is_draining = false;
        return;
      }
    }
    if (is_stopped()) return;
    if (end) return EndWatch(*stream, *end);
    if (!stream->is_broken && !TakeLines(*stream, std::move(bytes))) stream->is_broken = true;
    if (stream->is_broken) {
      std::lock_guard lock(mutex_);
      fetch_.Cancel();
    }
  }
}

// False when the watch is of no more use.
bool ResourceCache::TakeLines(Stream& stream, std::string bytes) {
  stream.line += bytes;
  std::vector<std::string> changed;
  bool is_good = true;
  size_t begin = 0;
  for (size_t end; is_good && (end = stream.line.find('\n', begin)) != std::string::npos; begin = end + 1) {
    std::string_view line(stream.line.data() + begin, end - begin);
    if (line.empty()) continue;
    Result<Event> event = ParseEvent(line, resource_.kind);
    if (!event) {
      logger_.Warn("a watch brought what is no event", {{"error", event.error()}});
      needs_list_ = true;
      is_good = false;
    } else {
      is_good = TakeEvent(*event, changed);
    }
  }
  stream.line.erase(0, begin);
  if (stream.line.size() > kMaxPendingBytes) {
    needs_list_ = true;
    is_good = false;
  }
  if (!changed.empty()) Notify(changed);
  return is_good;
}

bool ResourceCache::TakeEvent(const Event& event, std::vector<std::string>& changed) {
  if (event.type == EventType::kError) {
    logger_.Debug("the watch ended with an error",
                  {{"code", event.error_code}, {"error", event.error_message}});
    needs_list_ = true;
    return false;
  }
  if (!event.resource_version.empty()) version_ = event.resource_version;
  wait_ms_ = kFirstWaitMs;
  if (event.type == EventType::kBookmark) return true;
  std::string key = event.object->meta.key();
  std::lock_guard lock(mutex_);
  auto before = objects_.find(key);
  if (event.type == EventType::kDelete) {
    if (before == objects_.end()) return true;
    objects_.erase(before);
  } else if (before == objects_.end()) {
    objects_.emplace(key, event.object);
  } else if (*before->second == *event.object) {
    return true;  // nothing that we look at
  } else {
    before->second = event.object;
  }
  changed.push_back(std::move(key));
  return true;
}

void ResourceCache::EndWatch(Stream& stream, const Result<net::FetchResponse>& response) {
  auto list = [this] { List(""); };
  auto watch = [this] { Watch(); };
  if (response && response->status == 410) return List("");
  if (response && response->status != 200)
    return Retry(StatusError(*response),
                 net::RetryAfterMs(response->headers.Get("Retry-After"), services_.clock.NowMs()), list);
  // An error inside of a good answer that comes at once, again and again, must not become a storm of lists.
  bool was_short = services_.clock.NowMs() - stream.begun_ms < kFirstWaitMs;
  if (needs_list_) {
    if (!was_short) return List("");
    return Retry({Code::kUnavailable, "the watch ended at once and needs a new list"}, 0, list);
  }
  if (!response) return Retry(response.error(), 0, watch);
  if (was_short) return Retry({Code::kUnavailable, "the watch ended at once"}, 0, watch);
  Watch();
}

std::shared_ptr<ResourceCache> Pool::Get(const ClientConfig& client, const Resource& resource) {
  std::string key = fmt::format("{}\n{}\n{}\n{}", Fingerprint(client), resource.path, resource.label_selector,
                                resource.field_selector);
  std::shared_ptr<ResourceCache> cache;
  {
    std::lock_guard lock(mutex_);
    std::erase_if(caches_, [](const auto& entry) { return entry.second.expired(); });
    if (auto found = caches_.find(key); found != caches_.end()) cache = found->second.lock();
    if (cache) return cache;
    cache = std::make_shared<ResourceCache>(services_, client, resource);
    caches_[key] = cache;
  }
  cache->Start();
  return cache;
}

}  // namespace sextant::kube
