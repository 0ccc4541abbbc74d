#include "api/batch_api.h"

#include <simdjson.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "api/envelope.h"
#include "api/query_json.h"
#include "api/query_params.h"
#include "core/json_writer.h"

namespace sextant::api {

namespace {

using net::HttpRequest;
using net::ResponseWriter;

constexpr std::string_view kColumns = "columns";
constexpr size_t kMaxQueries = 500;
constexpr size_t kMaxAtOnce = 4;  // of one request
constexpr size_t kMaxAnswerBytes = 64 << 20;

struct BatchQuery {
  std::string id;
  net::QueryParams params;  // as they would stand in an address
  bool is_range = false;
};

// Texts and numbers as parameters of an address.
core::Result<BatchQuery> ReadQuery(const simdjson::dom::element& element) {
  simdjson::dom::object object;
  if (element.get(object)) return core::Fail(core::Code::kInvalidArgument, "queries: expected objects");
  BatchQuery query;
  for (auto [key, value] : object) {
    std::string text;
    std::string_view string;
    if (!value.get(string)) {
      text = string;
    } else if (value.is_number()) {
      text = simdjson::minify(value);
    } else {
      return core::Fail(core::Code::kInvalidArgument, "queries: {} must be a text or a number", key);
    }
    if (key == "id") {
      query.id = std::move(text);
    } else {
      query.params.Add(std::string(key), std::move(text));
    }
  }
  if (query.id.empty()) return core::Fail(core::Code::kInvalidArgument, "queries: id is missing");
  query.is_range = query.params.Has("step");
  return query;
}

core::Result<std::vector<BatchQuery>> ReadBatch(const std::string& body) {
  simdjson::dom::parser parser;
  simdjson::dom::array list;
  if (auto error = parser.parse(simdjson::padded_string(body))["queries"].get_array().get(list))
    return core::Fail(core::Code::kInvalidArgument, "queries: {}", simdjson::error_message(error));
  if (list.size() == 0 || list.size() > kMaxQueries)
    return core::Fail(core::Code::kInvalidArgument, "queries: there must be 1 to {}", kMaxQueries);
  std::vector<BatchQuery> queries;
  for (simdjson::dom::element element : list) {
    SEXTANT_ASSIGN(BatchQuery query, ReadQuery(element));
    queries.push_back(std::move(query));
  }
  return queries;
}

class Batch : public std::enable_shared_from_this<Batch> {
 public:
  Batch(const QueryApiDeps& deps, const ExemplarsApiDeps& exemplars, core::Executor& executor,
        HttpRequest request, ResponseWriter writer, std::vector<BatchQuery> queries)
      : deps_(deps),
        exemplars_(exemplars),
        executor_(executor),
        request_(std::move(request)),
        writer_(std::move(writer)),
        queries_(std::move(queries)),
        left_(queries_.size()) {}

  void Start() {
    writer_.Start(200, {{"Content-Type", "application/x-ndjson"}, {"Cache-Control", "no-store"}});
    for (size_t i = 0; i < std::min(kMaxAtOnce, queries_.size()); ++i) Continue();
  }

 private:
  // Has the next query answered, by a thread of the executor.
  void Continue() {
    auto next = [self = shared_from_this()] { self->TakeNext(); };
    if (!executor_.Submit(core::Priority::kQuery, next)) TakeNext();
  }

  void TakeNext() {
    size_t index = next_.fetch_add(1);
    if (index >= queries_.size()) return;
    deps_.gate.Run([self = shared_from_this(), index] { self->Give(self->LineOf(self->queries_[index])); });
  }

  // One line of the answer; empty when nobody waits for it any more.
  std::string LineOf(const BatchQuery& query) {
    if (is_cancelled_.load()) return {};
    int status = 200;
    std::string answer = Ask(query, status);
    std::string line = "{\"id\":";
    core::AppendJsonString(line, query.id);
    line += fmt::format(",\"status\":{},\"answer\":", status);
    line += answer;
    line += "}\n";
    return line;
  }

  // A client that reads slowly holds up one thread: whoever comes while that one writes leaves its line to
  // it. The next query begins when a line is written, so that at most kMaxAtOnce wait.
  void Give(std::string line) {
    std::vector<std::string> lines;
    {
      std::lock_guard lock(mutex_);
      unwritten_.push_back(std::move(line));
      if (is_writing_) return;
      is_writing_ = true;
    }
    while (true) {
      {
        std::lock_guard lock(mutex_);
        is_writing_ = !unwritten_.empty();
        if (!is_writing_) return;
        lines = std::exchange(unwritten_, {});
      }
      for (const std::string& one : lines) Write(one);
    }
  }

  // By one thread at a time.
  void Write(const std::string& line) {
    if (!line.empty() && (!writer_.Write(line) || !writer_.Flush())) is_cancelled_ = true;
    if (writer_.IsCancelled()) is_cancelled_ = true;
    if (left_.fetch_sub(1) == 1) return writer_.Finish();
    Continue();
  }

  static std::string Failure(const ApiError& error, int& status) {
    net::HttpResponse response = ErrorResponse(error);
    status = response.status;
    return std::move(response.body);
  }

  std::string Ask(const BatchQuery& query, int& status) {
    auto read = ReadQueryParams(query.params, request_, deps_.per_step_stats);
    if (!read) return Failure(read.error(), status);
    read->options.origin = read->origin;
    read->options.parent = &read->trace;
    read->options.queued_ns = deps_.clock.MonotonicNs() - request_.received_ns;
    QueryJsonOptions options;
    options.with_stats = read->with_stats;
    const std::string_view format = query.params.Get("format");
    if (!format.empty() && format != kColumns) {
      return Failure(ApiError::InvalidParameter("format", "expected \"columns\""), status);
    }
    options.as_columns = format == kColumns;
    const std::string_view wants_exemplars = query.params.Get("exemplars");
    if (!wants_exemplars.empty() && (wants_exemplars != "true" || !query.is_range)) {
      return Failure(ApiError::InvalidParameter("exemplars", "expected \"true\", of a range query"), status);
    }
    std::vector<tsdb::SeriesExemplars> exemplars;
    promql::QueryOutcome outcome;
    if (query.is_range) {
      auto range = ReadRange(query.params);
      if (!range) return Failure(range.error(), status);
      read->options.keeps_columns = true;
      options.start_ms = range->start_ms;
      options.step_ms = range->step_ms;
      outcome = deps_.engine.Range(deps_.storage, read->query, range->start_ms, range->end_ms, range->step_ms,
                                   read->options);
      if (outcome && !wants_exemplars.empty()) {
        exemplars = ExemplarsOf(exemplars_, read->query, range->start_ms, range->end_ms);
      }
    } else {
      auto time_ms = TimeParam(query.params, "time", deps_.clock.NowMs());
      if (!time_ms) return Failure(time_ms.error(), status);
      options.start_ms = *time_ms;
      outcome = deps_.engine.Instant(deps_.storage, read->query, *time_ms, read->options);
    }
    if (!outcome) return Failure(ApiError::From(outcome.error()), status);
    ShownAnnotations shown = LimitAnnotations(*outcome);
    core::JsonWriter json;
    json.BeginObject().Key("status").String("success").Key("data");
    auto has_room = [](core::JsonWriter& written) { return written.size() < kMaxAnswerBytes; };
    bool is_whole = WriteQueryData(json, std::move(*outcome), options, has_room);
    if (is_whole && !exemplars.empty()) {
      json.Key("exemplars");
      WriteExemplars(json, exemplars);
      is_whole = has_room(json);
    }
    if (!is_whole) {
      return Failure(
          {ErrorType::kExecution,
           fmt::format("the answer is larger than {} bytes; select fewer series", kMaxAnswerBytes)},
          status);
    }
    EndEnvelope(json, shown.warnings, shown.infos);
    return std::move(json).Take();
  }

  const QueryApiDeps deps_;
  const ExemplarsApiDeps exemplars_;
  core::Executor& executor_;
  const HttpRequest request_;
  ResponseWriter writer_;  // of the thread that set is_writing_
  const std::vector<BatchQuery> queries_;
  std::atomic<size_t> next_ = 0;
  std::atomic<size_t> left_;
  std::atomic<bool> is_cancelled_ = false;
  std::mutex mutex_;
  bool is_writing_ = false;             // guarded by mutex_
  std::vector<std::string> unwritten_;  // likewise
};

}  // namespace

void AddBatchRoutes(net::Router& router, const QueryApiDeps& deps, const ExemplarsApiDeps& exemplars,
                    core::Executor& executor) {
  net::RouteOptions options;
  options.max_body_bytes = 4 << 20;
  router.AddStream(
      "POST", "/api/batch",
      [deps, exemplars, &executor](HttpRequest request, ResponseWriter writer) {
        auto queries = ReadBatch(request.body);
        if (!queries) return writer.Send(ErrorResponse(ApiError::BadData(queries.error().message())));
        std::make_shared<Batch>(deps, exemplars, executor, std::move(request), std::move(writer),
                                std::move(*queries))
            ->Start();
      },
      options);
}

}  // namespace sextant::api
