#include "net/router.h"

#include <algorithm>
#include <optional>

namespace sextant::net {

namespace {

std::vector<std::string_view> SplitSegments(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(1);  // the leading '/'
  while (true) {
    size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool IsParameter(std::string_view segment) { return segment.starts_with('{') && segment.ends_with('}'); }

}  // namespace

struct Router::Pattern {
  std::string text;
  std::vector<std::string> segments;  // without the final "*"
  size_t parameters = 0;
  bool is_prefix = false;
  std::map<std::string, const Route*, std::less<>> by_method;
};

Router::Router() = default;
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::Add(std::string_view method, std::string_view pattern, Handler handler, RouteOptions options) {
  auto route = std::make_unique<Route>();
  route->method = method;
  route->pattern = pattern;
  route->kind = RouteKind::kWhole;
  route->handler = std::move(handler);
  route->options = std::move(options);
  AddRoute(std::move(route));
}

void Router::AddStream(std::string_view method, std::string_view pattern, StreamHandler handler,
                       RouteOptions options) {
  auto route = std::make_unique<Route>();
  route->method = method;
  route->pattern = pattern;
  route->kind = RouteKind::kStream;
  route->stream_handler = std::move(handler);
  route->options = std::move(options);
  AddRoute(std::move(route));
}

void Router::AddWebSocket(std::string_view pattern, WebSocketHandler handler, RouteOptions options) {
  auto route = std::make_unique<Route>();
  route->method = "GET";
  route->pattern = pattern;
  route->kind = RouteKind::kWebSocket;
  route->websocket_handler = std::move(handler);
  route->options = std::move(options);
  AddRoute(std::move(route));
}

void Router::AddGrpc(std::string_view method, GrpcHandler handler, RouteOptions options) {
  size_t slash = method.rfind('/');
  SEXTANT_CHECK(method.starts_with('/') && slash > 1 && slash != std::string_view::npos &&
                slash + 1 < method.size());
  auto route = std::make_unique<Route>();
  route->method = "POST";
  route->pattern = method;
  route->kind = RouteKind::kGrpc;
  route->grpc_handler = std::move(handler);
  route->options = std::move(options);
  if (route->options.metric_name.empty()) route->options.metric_name = route->pattern;
  route->index = routes_.size();
  bool is_new = grpc_routes_.emplace(route->pattern, route.get()).second;
  SEXTANT_CHECK(is_new);
  routes_.push_back(std::move(route));
}

const Route* Router::FindGrpc(std::string_view method) const {
  auto it = grpc_routes_.find(method);
  return it == grpc_routes_.end() ? nullptr : it->second;
}

bool Router::HasGrpcService(std::string_view service) const {
  std::string first = "/" + std::string(service) + "/";
  auto it = grpc_routes_.lower_bound(first);
  return it != grpc_routes_.end() && it->first.starts_with(first);
}

void Router::SetPrefix(std::string_view prefix) {
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  SEXTANT_CHECK(prefix.empty() || prefix.starts_with('/'));
  prefix_ = prefix;
}

void Router::AddRoute(std::unique_ptr<Route> route) {
  if (route->options.metric_name.empty()) route->options.metric_name = route->pattern;
  route->index = routes_.size();
  bool is_new = FindOrAddPattern(route->pattern).by_method.emplace(route->method, route.get()).second;
  SEXTANT_CHECK(is_new);
  routes_.push_back(std::move(route));
}

Router::Pattern& Router::FindOrAddPattern(std::string_view text) {
  for (auto& pattern : patterns_) {
    if (pattern->text == text) return *pattern;
  }
  SEXTANT_CHECK(text.starts_with('/'));
  auto pattern = std::make_unique<Pattern>();
  pattern->text = text;
  for (std::string_view segment : SplitSegments(text)) {
    pattern->segments.emplace_back(segment);
    pattern->parameters += IsParameter(segment);
  }
  pattern->is_prefix = pattern->segments.back() == "*";
  if (pattern->is_prefix) pattern->segments.pop_back();
  for (const std::string& segment : pattern->segments) SEXTANT_CHECK(segment != "*");
  if (!pattern->is_prefix && pattern->parameters == 0) literal_patterns_[pattern->text] = pattern.get();
  return *patterns_.emplace_back(std::move(pattern));
}

// The best pattern with parameters or a prefix for a raw path; fills in the match's parameters. The path's
// escapes were checked before.
const Router::Pattern* Router::FindPattern(std::string_view path, RouteMatch& match) const {
  std::vector<std::string> segments;
  for (std::string_view segment : SplitSegments(path)) segments.push_back(PathUnescape(segment).value());

  const Pattern* best = nullptr;
  auto is_better = [&](const Pattern& pattern) {
    if (best == nullptr) return true;
    if (pattern.is_prefix != best->is_prefix) return best->is_prefix;
    if (pattern.segments.size() != best->segments.size())
      return pattern.segments.size() > best->segments.size();
    return pattern.parameters < best->parameters;
  };
  for (const auto& pattern : patterns_) {
    bool fits = pattern->is_prefix ? segments.size() > pattern->segments.size()
                                   : segments.size() == pattern->segments.size();
    if (!fits || !is_better(*pattern)) continue;
    bool matches = std::equal(pattern->segments.begin(), pattern->segments.end(), segments.begin(),
                              [](const std::string& wanted, const std::string& segment) {
                                return IsParameter(wanted) ? !segment.empty() : wanted == segment;
                              });
    if (matches) best = pattern.get();
  }
  if (best == nullptr) return nullptr;

  for (size_t i = 0; i < best->segments.size(); ++i) {
    const std::string& wanted = best->segments[i];
    if (!IsParameter(wanted)) continue;
    match.path_params.emplace_back(wanted.substr(1, wanted.size() - 2), std::move(segments[i]));
  }
  if (best->is_prefix) {
    std::string rest;
    for (size_t i = best->segments.size(); i < segments.size(); ++i) {
      if (i > best->segments.size()) rest += '/';
      rest += segments[i];
    }
    match.path_params.emplace_back("*", std::move(rest));
  }
  return best;
}

RouteMatch Router::Match(std::string_view method, std::string_view raw_path) const {
  RouteMatch match;
  auto refuse = [&](int status, std::string error) {
    match.status = status;
    match.error = std::move(error);
    return std::move(match);
  };
  auto decoded = PathUnescape(raw_path);
  if (!decoded) return refuse(400, decoded.error().message());
  if (!decoded->starts_with('/')) return refuse(400, "the request target must start with /");
  if (decoded->find('\0') != std::string::npos) return refuse(400, "the path holds a zero byte");
  for (std::string_view segment : SplitSegments(*decoded)) {
    if (segment == "." || segment == "..") {
      return refuse(400, "the path holds a \".\" or \"..\" segment; send it resolved");
    }
  }

  if (!prefix_.empty()) {
    // The prefix is compared as written: it is ours, and needs no escapes.
    bool is_below = raw_path.starts_with(prefix_) &&
                    (raw_path.size() == prefix_.size() || raw_path[prefix_.size()] == '/');
    if (!is_below || raw_path.size() == prefix_.size()) {
      match.status = raw_path == "/" || is_below ? 302 : 404;
      match.path = std::move(*decoded);
      return match;
    }
    raw_path.remove_prefix(prefix_.size());
    decoded = PathUnescape(raw_path);
  }
  match.path = std::move(*decoded);

  auto literal = literal_patterns_.find(match.path);
  const Pattern* pattern =
      literal != literal_patterns_.end() ? literal->second : FindPattern(raw_path, match);
  if (pattern == nullptr) return match;

  auto route = pattern->by_method.find(method);
  if (route == pattern->by_method.end() && method == "HEAD") route = pattern->by_method.find("GET");
  if (route != pattern->by_method.end()) {
    match.route = route->second;
    match.status = 200;
    return match;
  }
  for (const auto& [known, unused] : pattern->by_method) {
    match.allow += known + ", ";
    if (known == "GET") match.allow += "HEAD, ";
  }
  if (!pattern->by_method.contains("OPTIONS")) match.allow += "OPTIONS, ";
  match.allow.resize(match.allow.size() - 2);
  match.status = method == "OPTIONS" ? 204 : 405;
  return match;
}

}  // namespace sextant::net
