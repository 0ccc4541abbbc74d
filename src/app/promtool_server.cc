// `promtool push metrics` and `promtool debug`: what sends to a server, and what fetches from one to look at
// later.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <span>

#include "app/promtool/command.h"
#include "app/promtool_commands.h"
#include "core/duration.h"
#include "core/file.h"
#include "metrics/exposition/parser.h"
#include "metrics/remote/snappy_block.h"
#include "metrics/remote/write_receiver.h"
#include "net/compression.h"
#include "net/http_client.h"
#include "wire/remote_write.h"

namespace sextant::app {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr size_t kMaxAnswerBytes = 256 << 20;
constexpr uint64_t kMaxMetricFileBytes = 256 << 20;
constexpr core::DurationMs kDebugTimeoutMs = 60'000;  // some profiles take 30 s

// --- push metrics ---

struct PushOptions {
  PromtoolOptions common;
  std::string url;
  std::string timeout = "30s";
  std::vector<std::string> labels;
  std::vector<std::string> headers;
  std::vector<std::string> files;
  wire::WriteVersion version = wire::WriteVersion::kV1;
};

using FamilyMetadata = std::map<std::string, model::MetricMetadata, std::less<>>;

// What the text says of the family of a series, which may have a suffix; null: nothing.
const model::MetricMetadata* MetadataOf(const FamilyMetadata& families, std::string_view name) {
  auto found = families.find(name);
  for (std::string_view suffix : {"_bucket", "_count", "_sum"}) {
    if (found == families.end() && name.ends_with(suffix))
      found = families.find(name.substr(0, name.size() - suffix.size()));
  }
  return found == families.end() ? nullptr : &found->second;
}

// The samples of a text as a remote write request; those without a time are of now.
Result<std::string> MakeWriteRequest(std::string_view text, const std::vector<std::string>& label_flags,
                                     wire::WriteVersion version) {
  std::vector<std::pair<std::string, std::string>> extra;
  for (const std::string& flag : label_flags) {
    size_t equals = flag.find('=');
    if (equals == std::string::npos) return Fail(Code::kInvalidArgument, "expected KEY=VALUE got '{}'", flag);
    extra.emplace_back(flag.substr(0, equals), flag.substr(equals + 1));
  }
  if (label_flags.empty()) extra.emplace_back("job", "promtool");
  wire::WriteRequestBuilder request(version);
  core::TimestampMs now_ms = NowMs();
  auto parser = exposition::NewParser(exposition::Format::kPrometheusText, text);
  FamilyMetadata families;
  model::LabelsBuilder labels;
  while (true) {
    exposition::EntryKind kind = parser->Next();
    const exposition::Entry& entry = parser->entry();
    if (kind == exposition::EntryKind::kEnd) break;
    if (kind == exposition::EntryKind::kError) return tl::unexpected(parser->error());
    if (kind == exposition::EntryKind::kHelp) families[std::string(entry.name)].help = parser->HelpText();
    if (kind == exposition::EntryKind::kType) {
      families[std::string(entry.name)].type = exposition::MetricTypeName(entry.type);
    }
    if (kind != exposition::EntryKind::kSample) continue;
    SEXTANT_TRY(parser->ReadLabels(labels));
    for (const auto& [name, value] : extra) labels.Set(name, value);
    model::Labels series = labels.Build();
    request.BeginSeries(series);
    wire::WriteSample sample;
    sample.time_ms = entry.timestamp_ms.value_or(now_ms);
    sample.value = entry.value;
    request.AddSample(sample);
    request.EndSeries(version == wire::WriteVersion::kV2 ? MetadataOf(families, series.metric_name())
                                                         : nullptr);
  }
  if (version == wire::WriteVersion::kV1) {
    for (const auto& [family, metadata] : families) request.AddFamilyMetadata(family, metadata);
  }
  return request.Finish();
}

Status Push(std::string_view text, const PushOptions& options, core::DurationMs timeout_ms) {
  SEXTANT_ASSIGN(std::string message, MakeWriteRequest(text, options.labels, options.version));
  SEXTANT_ASSIGN(ApiHeaders headers, ParseHeaderFlags(options.headers));
  SEXTANT_ASSIGN(config::HttpClientConfig http, promtool::LoadHttpConfig(options.common.http_config));
  net::FetchRequest request;
  request.method = "POST";
  request.url = options.url;
  request.timeout_ms = timeout_ms;
  request.max_body_bytes = kMaxAnswerBytes;
  bool is_v2 = options.version == wire::WriteVersion::kV2;
  request.headers.Set("Content-Type", is_v2 ? "application/x-protobuf;proto=io.prometheus.write.v2.Request"
                                            : "application/x-protobuf");
  request.headers.Set("Content-Encoding", "snappy");
  request.headers.Set("X-Prometheus-Remote-Write-Version", is_v2 ? "2.0.0" : "0.1.0");
  for (const auto& [name, value] : headers) request.headers.Set(name, value);
  request.body = remote::CompressSnappy(message);
  SEXTANT_ASSIGN(net::FetchResponse response, promtool::FetchOnce(http, std::move(request)));
  if (response.status / 100 == 2) return {};
  std::string line = response.body.substr(0, std::min(response.body.find('\n'), size_t{512}));
  return Fail(Code::kUnavailable, "server returned HTTP status {} {}: {}", response.status,
              net::StatusText(response.status), line);
}

int PushMetrics(const Words& words) {
  PushOptions options;
  std::string protobuf_message = "prometheus.WriteRequest";
  CommandLine line;
  AddHttpConfigFlag(line, options.common);
  line.AddFlagList("label", "A label that all series get; may be repeated.", &options.labels);
  line.AddFlag("timeout", 0, "How long a request may take.", &options.timeout);
  line.AddFlagList("header", "A header of the request; may be repeated.", &options.headers);
  line.AddFlag("protobuf_message", 0, "prometheus.WriteRequest or io.prometheus.write.v2.Request.",
               &protobuf_message);
  line.AddArgument("remote-write-url", "Where remote write is received.", &options.url);
  line.AddArguments("metric-files", "Files in text format; without one, standard input.", &options.files,
                    /*is_required=*/false);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "push metrics", "Send a text's samples by remote write, for trials.",
                   options.common, code)) {
    return code;
  }
  Result<wire::WriteVersion> version = remote::ParseMessageName(protobuf_message);
  if (!version) return FailWith(fmt::format("promtool: error: {}, try --help", version.error().message()));
  options.version = *version;
  Result<core::DurationMs> timeout_ms = core::ParseDuration(options.timeout);
  if (!timeout_ms)
    return FailWith(fmt::format("promtool: error: {}, try --help", timeout_ms.error().message()));
  if (options.files.empty()) {
    std::string text(std::istreambuf_iterator<char>(std::cin), {});
    Status pushed = Push(text, options, *timeout_ms);
    if (!pushed) return FailWith("  FAILED: " + pushed.error().message());
    Print("  SUCCESS: metric pushed to remote write.\n");
    return kExitOk;
  }
  bool has_failed = false;
  core::PosixFileSystem files;
  for (const std::string& file : options.files) {
    auto text = core::ReadFile(files, file, kMaxMetricFileBytes);
    Status pushed = text ? Push(*text, options, *timeout_ms) : tl::unexpected(text.error());
    if (pushed) {
      Print(fmt::format("  SUCCESS: metric file {} pushed to remote write.\n", file));
    } else {
      has_failed = true;
      FailWith("  FAILED: " + pushed.error().message());
    }
  }
  return has_failed ? kExitFailed : kExitOk;
}

// --- debug ---

constexpr size_t kTarBlockBytes = 512;

// Appends one file in the format of tar (POSIX ustar).
void AppendToTar(const std::string& name, std::string_view bytes, std::string& tar) {
  std::string header(kTarBlockBytes, '\0');
  auto put = [&](size_t at, std::string_view text) { text.copy(header.data() + at, text.size()); };
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, fmt::format("{:011o}", bytes.size()));
  put(136, fmt::format("{:011o}", NowMs() / 1000));
  put(148, "        ");
  put(156, "0");
  put(257, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (char c : header) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum));
  header[154] = '\0';
  tar += header;
  tar += bytes;
  tar.resize((tar.size() + kTarBlockBytes - 1) / kTarBlockBytes * kTarBlockBytes);
}

// What a server says at a path, and the file that it goes into.
struct DebugSource {
  std::string_view path;
  const char* file;
  bool is_profile = false;  // in pprof's form, packed with gzip
};

constexpr DebugSource kMetricsSource = {"/metrics", "metrics.txt"};
// Servers that are Go programs have these.
constexpr DebugSource kProfileSources[] = {
    {"/debug/pprof/profile?seconds=30", "cpu.pb", true},
    {"/debug/pprof/block", "block.pb", true},
    {"/debug/pprof/goroutine", "goroutine.pb", true},
    {"/debug/pprof/heap", "heap.pb", true},
    {"/debug/pprof/mutex", "mutex.pb", true},
    {"/debug/pprof/threadcreate", "threadcreate.pb", true},
    {"/debug/pprof/trace?seconds=30", "trace.pb"},
};

Result<std::string> FetchDebug(const std::string& server, const DebugSource& source,
                               const config::HttpClientConfig& http) {
  net::FetchRequest request;
  request.url = server;
  while (request.url.ends_with('/')) request.url.pop_back();
  request.url += source.path;
  request.timeout_ms = kDebugTimeoutMs;
  request.max_body_bytes = kMaxAnswerBytes;
  std::string url = request.url;
  Print("collecting: " + url + "\n");
  SEXTANT_ASSIGN(net::FetchResponse response, promtool::FetchOnce(http, std::move(request)));
  if (response.status != 200) {
    return Fail(Code::kUnavailable, "GET \"{}\": server returned HTTP status {} {}", url, response.status,
                net::StatusText(response.status));
  }
  if (source.is_profile && !response.body.starts_with("\x1f\x8b")) {
    return Fail(Code::kInvalidArgument, "GET \"{}\": the answer is no profile", url);
  }
  return std::move(response.body);
}

Status WriteDebugArchive(const std::string& server, std::span<const DebugSource> sources,
                         const PromtoolOptions& options) {
  SEXTANT_ASSIGN(const config::HttpClientConfig http, promtool::LoadHttpConfig(options.http_config));
  std::string tar;
  for (const DebugSource& source : sources) {
    SEXTANT_ASSIGN(const std::string body, FetchDebug(server, source, http));
    AppendToTar(source.file, body, tar);
  }
  tar.append(2 * kTarBlockBytes, '\0');  // its end
  std::string packed;
  SEXTANT_TRY(net::Compress(net::Encoding::kGzip, tar, packed));
  constexpr const char* kFile = "debug.tar.gz";
  std::ofstream out(kFile, std::ios::binary);
  out << packed;
  out.close();
  if (!out) return core::FailErrno(errno, kFile);
  Print(fmt::format("Compiling debug information complete, all files written in \"{}\".\n", kFile));
  return {};
}

int Debug(const Words& words, std::string_view command, std::string_view summary,
          std::span<const DebugSource> sources) {
  PromtoolOptions options;
  std::string server;
  CommandLine line;
  AddHttpConfigFlag(line, options);
  line.AddArgument("server", "The server that is asked.", &server);
  int code = kExitOk;
  if (!ParseOrStop(line, words, command, summary, options, code)) return code;
  Status fetched = WriteDebugArchive(server, sources, options);
  return fetched ? kExitOk : FailWith("error completing debug command: " + fetched.error().message());
}

int DebugMetrics(const Words& words) {
  return Debug(words, "debug metrics", "Fetch metrics debug information.", {&kMetricsSource, 1});
}

int DebugProfiles(const Words& words) {
  return Debug(words, "debug pprof", "Fetch profiling debug information.", kProfileSources);
}

int DebugAll(const Words& words) {
  std::vector<DebugSource> sources(std::begin(kProfileSources), std::end(kProfileSources));
  sources.push_back(kMetricsSource);
  return Debug(words, "debug all", "Fetch all debug information.", sources);
}

}  // namespace

std::vector<PromtoolCommand> PromtoolServerCommands() {
  return {
      {{"push", "metrics"},
       "<remote-write-url> [<metric-files>...]",
       "Send a text's samples by remote write, for trials.",
       PushMetrics},
      {{"debug", "metrics"}, "<server>", "Fetch what a server says of itself.", DebugMetrics},
      {{"debug", "pprof"}, "<server>", "Fetch the profiles of a server that is a Go program.", DebugProfiles},
      {{"debug", "all"}, "<server>", "Fetch both.", DebugAll},
  };
}

}  // namespace sextant::app
