// A value in the JSON answer of an API, read the way Go's decoder fills structs: what is missing or null is
// empty. What has another type than asked for is empty, too: an API that changes costs labels, not targets.
#pragma once

#include <simdjson.h>

#include <string_view>

namespace sextant::discovery {

class JsonNode {
 public:
  JsonNode() = default;  // nothing
  explicit JsonNode(simdjson::dom::element element) : element_(element), exists_(!element.is_null()) {}

  // Whether it is there and not null.
  bool exists() const { return exists_; }

  // A field of an object, or nothing.
  JsonNode operator[](std::string_view key) const {
    simdjson::dom::object object;
    simdjson::dom::element value;
    if (!exists_ || element_.get(object) != simdjson::SUCCESS) return {};
    return object[key].get(value) == simdjson::SUCCESS ? JsonNode(value) : JsonNode();
  }

  // Views live as long as the document.
  std::string_view Text() const {
    std::string_view text;
    return exists_ && element_.get(text) == simdjson::SUCCESS ? text : std::string_view();
  }
  int64_t Int() const {
    int64_t number = 0;
    return exists_ && element_.get(number) == simdjson::SUCCESS ? number : 0;
  }
  bool Bool() const {
    bool flag = false;
    return exists_ && element_.get(flag) == simdjson::SUCCESS && flag;
  }

  // Calls visit(item) for the items of a list.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    simdjson::dom::array items;
    if (!exists_ || element_.get(items) != simdjson::SUCCESS) return;
    for (simdjson::dom::element item : items) visit(JsonNode(item));
  }
  // Calls visit(name, value) for the fields of an object, in their order.
  template <typename Visit>
  void ForEachField(const Visit& visit) const {
    simdjson::dom::object fields;
    if (!exists_ || element_.get(fields) != simdjson::SUCCESS) return;
    for (auto [name, value] : fields) visit(name, JsonNode(value));
  }

 private:
  simdjson::dom::element element_;
  bool exists_ = false;
};

}  // namespace sextant::discovery
