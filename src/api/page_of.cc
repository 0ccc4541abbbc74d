#include "api/page_of.h"

#include <charconv>

#include "users/names.h"

namespace sextant::api {

namespace {

constexpr size_t kMost = 1'000'000;

core::Status ReadCount(std::string_view name, std::string_view text, size_t& target) {
  if (text.empty()) return {};
  size_t read = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read);
  if (error != std::errc() || end != text.data() + text.size() || read == 0 || read > kMost)
    return core::Fail(core::Code::kInvalidArgument, "{} must be a number from 1 to {}", name, kMost);
  target = read;
  return {};
}

}  // namespace

bool ListPage::Matches(std::string_view text) const {
  return query.empty() || users::Lower(text).find(query) != std::string::npos;
}

ListPage ReadLimitedPage(const net::QueryParams& params, size_t otherwise, size_t most) {
  ListPage page;
  page.size = otherwise;
  if (!ReadCount("limit", params.Get("limit"), page.size)) page.size = otherwise;
  if (!ReadCount("page", params.Get("page"), page.number)) page.number = 1;
  page.size = std::min(page.size, most);
  return page;
}

core::Result<ListPage> ReadPage(const net::HttpRequest& request) {
  net::QueryParams params = request.Query();
  ListPage page;
  page.query = users::Lower(params.Get("query"));
  SEXTANT_TRY(ReadCount("perpage", params.Get("perpage"), page.size));
  SEXTANT_TRY(ReadCount("page", params.Get("page"), page.number));
  return page;
}

}  // namespace sextant::api
