#include "api/search_filters.h"

#include <algorithm>
#include <utility>

#include "gotemplate/unicode.h"

namespace sextant::api {

namespace {

// The raw score of a match that begins at `start`, where the pattern's first character stands; nothing when
// the rest of the pattern does not follow.
std::optional<double> ScoreFrom(std::u32string_view pattern, std::u32string_view text, size_t start) {
  const double per_character = 1.0 / static_cast<double>(text.size());
  double score = 0;
  size_t matched = 0;
  size_t at = start;
  size_t behind_run = 0;  // one after the last matched character
  while (matched < pattern.size()) {
    at = text.find(pattern[matched], at);
    if (at == text.npos) return std::nullopt;
    size_t run_begin = at;
    while (matched < pattern.size() && at < text.size() && text[at] == pattern[matched]) {
      ++matched;
      ++at;
    }
    if (run_begin > behind_run) score -= static_cast<double>(run_begin - behind_run) * per_character;
    score += static_cast<double>((at - run_begin) * (at - run_begin));
    behind_run = at;
  }
  // What is left behind the match costs half.
  if (text.size() > behind_run) score -= static_cast<double>(text.size() - behind_run) * per_character * 0.5;
  return score;
}

// Marks which characters of two texts match: equal, and not further from each other than `distance`. Returns
// how many.
size_t MarkMatches(std::u32string_view shorter, std::u32string_view longer, size_t distance,
                   std::vector<bool>& in_shorter, std::vector<bool>& in_longer) {
  size_t matches = 0;
  for (size_t i = 0; i < shorter.size(); ++i) {
    size_t end = std::min(i + distance + 1, longer.size());
    for (size_t j = i > distance ? i - distance : 0; j < end; ++j) {
      if (in_longer[j] || shorter[i] != longer[j]) continue;
      in_shorter[i] = in_longer[j] = true;
      ++matches;
      break;
    }
  }
  return matches;
}

}  // namespace

double SubsequenceScore(std::u32string_view pattern, std::u32string_view text) {
  if (pattern.empty() || pattern == text) return 1;
  if (pattern.size() > text.size()) return 0;
  double best = -1;
  const size_t last_start = text.size() - pattern.size();
  for (size_t start = text.find(pattern[0]); start != text.npos && start <= last_start;
       start = text.find(pattern[0], start + 1)) {
    std::optional<double> score = ScoreFrom(pattern, text, start);
    if (!score) break;  // nor can it follow from a later place
    best = std::max(best, *score);
  }
  return best < 0 ? 0 : best / static_cast<double>(pattern.size() * pattern.size());
}

double JaroWinklerScore(std::u32string_view a, std::u32string_view b) {
  if (a == b) return 1;
  if (a.empty() || b.empty()) return 0;
  std::u32string_view shorter = a.size() > b.size() ? b : a;
  std::u32string_view longer = a.size() > b.size() ? a : b;
  std::vector<bool> in_shorter(shorter.size());
  std::vector<bool> in_longer(longer.size());
  const size_t distance = longer.size() / 2 > 1 ? longer.size() / 2 - 1 : 0;
  auto matches = static_cast<double>(MarkMatches(shorter, longer, distance, in_shorter, in_longer));
  if (matches == 0) return 0;

  double transpositions = 0;
  size_t other = 0;
  for (size_t i = 0; i < shorter.size(); ++i) {
    if (!in_shorter[i]) continue;
    while (!in_longer[other]) ++other;
    if (shorter[i] != longer[other]) transpositions += 1;
    ++other;
  }
  // Multiplied by reciprocals, as upstream does: the last digit depends on it.
  double per_shorter = 1.0 / static_cast<double>(shorter.size());
  double per_longer = 1.0 / static_cast<double>(longer.size());
  double jaro =
      (matches * per_shorter + matches * per_longer + (matches - transpositions * 0.5) / matches) / 3.0;

  size_t prefix = 0;
  while (prefix < std::min<size_t>(4, shorter.size()) && shorter[prefix] == longer[prefix]) ++prefix;
  return jaro + static_cast<double>(prefix) * 0.1 * (1.0 - jaro);
}

std::u32string DecodeUtf8(std::string_view text) {
  std::u32string runes;
  runes.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    gotemplate::Rune rune = gotemplate::DecodeRune(text.substr(at));
    runes += rune.value;
    at += rune.size;
  }
  return runes;
}

SearchFilter::SearchFilter(SearchTerms terms)
    : threshold_(terms.threshold), algorithm_(terms.algorithm), case_sensitive_(terms.case_sensitive) {
  for (std::string& term : terms.terms) {
    std::string text = case_sensitive_ ? std::move(term) : gotemplate::ToLower(term);
    std::u32string runes = DecodeUtf8(text);
    terms_.push_back({std::move(text), std::move(runes)});
  }
}

std::optional<double> SearchFilter::Score(std::string_view name) const {
  if (terms_.empty()) return 1;
  std::string lowered;
  if (!case_sensitive_) {
    lowered = gotemplate::ToLower(name);
    name = lowered;
  }
  const std::u32string runes = DecodeUtf8(name);
  std::optional<double> best;
  for (const Term& term : terms_) {
    std::optional<double> score = ScoreOf(term, name, runes);
    if (score && (!best || *score > *best)) best = score;
  }
  return best;
}

std::optional<double> SearchFilter::ScoreOf(const Term& term, std::string_view name,
                                            std::u32string_view runes) const {
  if (name.starts_with(term.text)) return 1;
  if (algorithm_ == FuzzyAlgorithm::kSubsequence) {
    double score = SubsequenceScore(term.runes, runes);
    if (score > 0 && score >= threshold_) return score;
    return std::nullopt;
  }
  if (name.find(term.text) != name.npos) return 0.9;
  if (threshold_ <= 0) return std::nullopt;
  double score = JaroWinklerScore(term.runes, runes);
  if (score < threshold_) return std::nullopt;
  return score;
}

}  // namespace sextant::api
