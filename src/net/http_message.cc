#include "net/http_message.h"

#include <algorithm>
#include <iterator>

namespace sextant::net {

namespace {

char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

HttpResponse MakeResponse(int status, std::string_view content_type, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", content_type);
  response.body = std::move(body);
  return response;
}

}  // namespace

std::string_view StatusText(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Request Entity Too Large";
    case 414:
      return "Request URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Requested Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Entity";
    case 423:
      return "Locked";
    case 424:
      return "Failed Dependency";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    case 508:
      return "Loop Detected";
    case 511:
      return "Network Authentication Required";
    default:
      return "";
  }
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return ToLower(x) == ToLower(y); });
}

HttpHeaders::HttpHeaders(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  for (const auto& [name, value] : fields) Add(name, value);
}

std::string_view HttpHeaders::Get(std::string_view wanted) const {
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (EqualsIgnoreCase(name(i), wanted)) return value(i);
  }
  return {};
}

bool HttpHeaders::Has(std::string_view wanted) const {
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (EqualsIgnoreCase(name(i), wanted)) return true;
  }
  return false;
}

bool HttpHeaders::HasToken(std::string_view wanted, std::string_view token) const {
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (!EqualsIgnoreCase(name(i), wanted)) continue;
    std::string_view list = value(i);
    while (!list.empty()) {
      size_t comma = std::min(list.find(','), list.size());
      if (EqualsIgnoreCase(TrimSpace(list.substr(0, comma)), token)) return true;
      list.remove_prefix(std::min(comma + 1, list.size()));
    }
  }
  return false;
}

void HttpHeaders::Add(std::string_view name, std::string_view value) {
  Field field{};
  field.name_begin = static_cast<uint32_t>(text_.size());
  field.name_size = static_cast<uint32_t>(name.size());
  field.value_begin = field.name_begin + field.name_size;
  field.value_size = static_cast<uint32_t>(value.size());
  text_.append(name).append(value);
  fields_.push_back(field);
}

void HttpHeaders::Set(std::string_view name, std::string_view value) {
  Remove(name);
  Add(name, value);
}

void HttpHeaders::Remove(std::string_view unwanted) {
  std::erase_if(fields_, [&](const Field& field) {
    return EqualsIgnoreCase(View(field.name_begin, field.name_size), unwanted);
  });
}

void HttpHeaders::Clear() {
  text_.clear();
  fields_.clear();
}

std::string_view HttpRequest::PathParam(std::string_view name) const {
  for (const auto& [key, value] : path_params) {
    if (key == name) return value;
  }
  return {};
}

core::Result<QueryParams> HttpRequest::Form() const {
  QueryParams form;
  if (method == "POST" || method == "PUT" || method == "PATCH") {
    std::string_view type = headers.Get("Content-Type");
    type = TrimSpace(type.substr(0, type.find(';')));
    if (EqualsIgnoreCase(type, "application/x-www-form-urlencoded")) {
      SEXTANT_ASSIGN(form, ParseQuery(body));
    }
  }
  SEXTANT_ASSIGN(QueryParams query, ParseQuery(query_string));
  form.Merge(std::move(query));
  return form;
}

HttpResponse HttpResponse::Text(int status, std::string body) {
  return MakeResponse(status, "text/plain; charset=utf-8", std::move(body));
}

HttpResponse HttpResponse::Json(int status, std::string body) {
  return MakeResponse(status, "application/json", std::move(body));
}

HttpResponse HttpResponse::Html(int status, std::string body) {
  return MakeResponse(status, "text/html; charset=utf-8", std::move(body));
}

HttpResponse HttpResponse::Redirect(int status, std::string_view location) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("Location", location);
  return response;
}

}  // namespace sextant::net
