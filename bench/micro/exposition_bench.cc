// How fast bodies in text format are read. SEXTANT_LOAD_DIR names a folder with successive bodies of one
// target; without it a body is made up.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "metrics/exposition/parser.h"
#include "metrics/exposition/text_parser.h"

namespace sextant::exposition {
namespace {

std::string MakeBody() {
  std::string body;
  for (int family = 0; family < 100; ++family) {
    body += fmt::format("# HELP app_requests_{0}_total Requests.\n# TYPE app_requests_{0}_total counter\n",
                        family);
    for (int i = 0; i < 20; ++i) {
      body += fmt::format("app_requests_{}_total{{code=\"200\",handler=\"/api/v{}\",instance=\"a{}\"}} {}\n",
                          family, i % 3, i, i * 1.25 + 1000);
    }
  }
  return body;
}

const std::vector<std::string>& Bodies() {
  static const std::vector<std::string> kBodies = [] {
    std::vector<std::string> bodies;
    const char* directory = std::getenv("SEXTANT_LOAD_DIR");
    if (directory != nullptr) {
      std::vector<std::filesystem::path> paths;
      for (const auto& entry : std::filesystem::directory_iterator(directory)) paths.push_back(entry.path());
      std::sort(paths.begin(), paths.end());
      for (const auto& path : paths) {
        std::ifstream file(path, std::ios::binary);
        bodies.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
      }
    }
    if (bodies.empty()) bodies.push_back(MakeBody());
    return bodies;
  }();
  return kBodies;
}

// Reads all bodies; `next` makes the next entry.
template <typename MakeParser, typename Next>
void Run(benchmark::State& state, MakeParser make_parser, Next next) {
  size_t bytes = 0;
  size_t samples = 0;
  double sum = 0;
  for (auto _ : state) {
    for (const std::string& body : Bodies()) {
      auto parser = make_parser(body);
      size_t line = 0;
      EntryKind kind = next(parser, line);
      while (kind != EntryKind::kEnd && kind != EntryKind::kError) {
        if (kind == EntryKind::kSample) {
          sum += parser.entry().value;
          ++line;
        }
        kind = next(parser, line);
      }
      if (kind == EntryKind::kError) state.SkipWithError(parser.error().message().c_str());
      bytes += body.size();
      samples += line;
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
  state.SetItemsProcessed(static_cast<int64_t>(samples));
}

void BM_Parse(benchmark::State& state) {
  Run(
      state, [](const std::string& body) { return TextParser(body); },
      [](TextParser& parser, size_t) { return parser.Next(); });
}
BENCHMARK(BM_Parse);

// As a scrape reads: the previous body says which series comes next.
void BM_ParseExpecting(benchmark::State& state) {
  std::vector<SeriesGuess> layout;
  TextParser first(Bodies().front());
  for (EntryKind kind = first.Next(); kind != EntryKind::kEnd; kind = first.Next()) {
    if (kind == EntryKind::kSample) layout.push_back(SeriesGuess::Of(first.entry().series));
  }
  Run(
      state, [](const std::string& body) { return TextParser(body); },
      [&](TextParser& parser, size_t line) {
        return parser.Next(line < layout.size() ? layout[line] : SeriesGuess());
      });
}
BENCHMARK(BM_ParseExpecting);

// The exact lexer alone: what odd input costs.
void BM_ParseExactly(benchmark::State& state) {
  Run(
      state, [](const std::string& body) { return TextParser(body, {}, TextParser::Reading::kExact); },
      [](TextParser& parser, size_t) { return parser.Next(); });
}
BENCHMARK(BM_ParseExactly);

// With the labels of every sample, as in a target's first scrape.
void BM_ParseWithLabels(benchmark::State& state) {
  model::LabelsBuilder labels;
  Run(
      state, [](const std::string& body) { return TextParser(body); },
      [&](TextParser& parser, size_t) {
        EntryKind kind = parser.Next();
        if (kind == EntryKind::kSample && !parser.ReadLabels(labels)) return EntryKind::kError;
        return kind;
      });
}
BENCHMARK(BM_ParseWithLabels);

}  // namespace
}  // namespace sextant::exposition
