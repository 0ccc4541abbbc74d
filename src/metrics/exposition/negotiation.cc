#include "metrics/exposition/negotiation.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <vector>

#include "metrics/exposition/number.h"

namespace sextant::exposition {

namespace {

constexpr std::string_view kProtobufType = "application/vnd.google.protobuf";
constexpr std::string_view kProtobufMessage = "io.prometheus.client.MetricFamily";

// An element of the header.
struct Choice {
  std::string media_type;  // in lower case
  std::map<std::string, std::string> parameters;
  double quality = 1;

  std::string_view Parameter(const std::string& name) const {
    auto found = parameters.find(name);
    return found == parameters.end() ? std::string_view() : std::string_view(found->second);
  }
};

std::string_view Trim(std::string_view text) {
  size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The text up to the separator, which is taken off as well.
std::string_view TakeUntil(std::string_view& text, char separator) {
  size_t end = std::min(text.find(separator), text.size());
  std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return Trim(part);
}

Choice ParseChoice(std::string_view element) {
  Choice choice;
  for (char c : TakeUntil(element, ';')) {
    choice.media_type += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  while (!element.empty()) {
    std::string_view rest = TakeUntil(element, ';');
    std::string_view name = TakeUntil(rest, '=');
    std::string_view value = Trim(rest);
    if (name != "q") {
      choice.parameters.emplace(name, value);
    } else if (ParseFloat(value, choice.quality) != NumberError::kNone) {
      choice.quality = 0;
    }
  }
  return choice;
}

std::vector<Choice> ParseAccept(std::string_view accept) {
  std::vector<Choice> choices;
  while (!accept.empty()) choices.push_back(ParseChoice(TakeUntil(accept, ',')));
  std::ranges::stable_sort(choices, std::ranges::greater(), &Choice::quality);
  return choices;
}

bool TakesText(const Choice& choice) {
  std::string_view version = choice.Parameter("version");
  return choice.media_type == "text/plain" && (version.empty() || version == "0.0.4");
}

bool TakesProtobuf(const Choice& choice) {
  return choice.media_type == kProtobufType && choice.Parameter("proto") == kProtobufMessage &&
         choice.Parameter("encoding") == "delimited";
}

}  // namespace

NegotiatedFormat Negotiate(std::string_view accept, bool has_protobuf) {
  NegotiatedFormat result;
  for (const Choice& choice : ParseAccept(accept)) {
    if (auto escaping = core::ParseEscaping(choice.Parameter("escaping"))) result.escaping = *escaping;
    if (TakesText(choice)) break;
    if (has_protobuf && TakesProtobuf(choice)) {
      result.format = Format::kProtobuf;
      break;
    }
  }
  return result;
}

std::string ContentTypeOf(const NegotiatedFormat& format) {
  std::string_view escaping = core::EscapingName(format.escaping);
  if (format.format == Format::kProtobuf) {
    return fmt::format("{}; proto={}; encoding=delimited; escaping={}", kProtobufType, kProtobufMessage,
                       escaping);
  }
  return fmt::format("text/plain; version=0.0.4; charset=utf-8; escaping={}", escaping);
}

}  // namespace sextant::exposition
