// How the search endpoints judge a name by what was typed: Prometheus' two fuzzy algorithms, with its scores.
// Pure computation over code points.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sextant::api {

// How well `pattern` is found in `text` as a subsequence, from 0 (not at all) to 1 (equal): runs of
// neighbouring characters are rewarded, gaps cost. Greedy from every place where the first character stands;
// the best counts.
double SubsequenceScore(std::u32string_view pattern, std::u32string_view text);

// The Jaro-Winkler similarity of two texts, from 0 to 1 (equal).
double JaroWinklerScore(std::u32string_view a, std::u32string_view b);

// UTF-8 to code points; what is not valid becomes U+FFFD.
std::u32string DecodeUtf8(std::string_view text);

enum class FuzzyAlgorithm { kSubsequence, kJaroWinkler };

struct SearchTerms {
  std::vector<std::string> terms;  // any of them; none: everything is found
  double threshold = 0;            // least score, from 0 to 1
  FuzzyAlgorithm algorithm = FuzzyAlgorithm::kSubsequence;
  bool case_sensitive = true;
};

class SearchFilter {
 public:
  explicit SearchFilter(SearchTerms terms);

  // The score of a name that is found; nothing for one that is not.
  std::optional<double> Score(std::string_view name) const;

 private:
  struct Term {
    std::string text;
    std::u32string runes;
  };
  std::optional<double> ScoreOf(const Term& term, std::string_view name, std::u32string_view runes) const;

  double threshold_;
  FuzzyAlgorithm algorithm_;
  bool case_sensitive_;
  std::vector<Term> terms_;
};

}  // namespace sextant::api
