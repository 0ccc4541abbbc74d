// The part of a list that a request of Grafana's API asks for: `query`, `perpage` and `page`, or `limit` and
// `page`.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/http_message.h"

namespace sextant::api {

struct ListPage {
  std::string query;  // in lower case
  size_t size = 1'000;
  size_t number = 1;

  // Whether the query is somewhere in the text, without case.
  bool Matches(std::string_view text) const;
  // What of the whole list is on the page.
  template <typename T>
  std::span<const T> Of(const std::vector<T>& all) const {
    size_t begin = std::min(all.size(), (number - 1) * size);
    return std::span<const T>(all).subspan(begin, std::min(size, all.size() - begin));
  }
};

// By `limit`, at most `most`, and `page`; what is no number above 0 counts as absent, as Grafana has it.
ListPage ReadLimitedPage(const net::QueryParams& params, size_t otherwise, size_t most);

// kInvalidArgument for numbers that are none.
core::Result<ListPage> ReadPage(const net::HttpRequest& request);

}  // namespace sextant::api
