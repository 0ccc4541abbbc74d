#include "pipeline/fields.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;

Result<DurationNs> ReadDuration(config::Node node) {
  if (Result<int64_t> number = node.AsInt(); number) return *number;
  SEXTANT_ASSIGN(std::string text, node.AsText());
  Result<DurationNs> parsed = ParseGoDuration(text);
  if (!parsed) return node.Fail("{}", parsed.error().message());
  return *parsed;
}

}  // namespace

config::CodecFor<int64_t> GoDuration() {
  return config::Custom<int64_t>(
      [](config::Node node) -> Result<int64_t> {
        SEXTANT_ASSIGN(DurationNs ns, ReadDuration(node));
        return config::RoundUpToMs(ns);
      },
      [](const int64_t& ms, config::YamlWriter& out) { out.Text(FormatGoDurationMs(ms)); });
}

config::CodecFor<DurationNs> GoDurationNs() {
  return config::Custom<DurationNs>(
      ReadDuration, [](const DurationNs& ns, config::YamlWriter& out) { out.Text(FormatGoDuration(ns)); });
}

}  // namespace sextant::pipeline
