// The messages that all signals share, from OTLP's JSON, and how values stand in it: 64-bit numbers as
// numbers or texts, names in camel case or with underscores, bytes of ids in hexadecimal, other bytes in
// base64. Private to this module.
#pragma once

#include <simdjson.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "otlp/attributes.h"
#include "otlp/decode_budget.h"
#include "otlp/ids.h"
#include "otlp/memory.h"

namespace sextant::otlp {

// A value of an enum by its name in the protocol.
struct EnumName {
  std::string_view name;
  int32_t value;
};

class JsonReader {
 public:
  using Element = simdjson::dom::element;

  // Both must outlive the reader; the document must live as long as what is kept in `memory`.
  JsonReader(DecodeBudget& budget, Memory& memory) : budget_(budget), memory_(memory) {}

  // A member by its name in camel case; nothing when it is absent or null. kInvalidArgument when `object` is
  // not one.
  core::Result<std::optional<Element>> Find(Element object, std::string_view name);

  // Members of a type; the target stays as it is when there is none.
  core::Status Text(Element object, std::string_view name, std::string_view& out);
  core::Status Bool(Element object, std::string_view name, bool& out);
  core::Status Int(Element object, std::string_view name, int64_t& out);
  core::Status UInt(Element object, std::string_view name, uint64_t& out);
  core::Status Double(Element object, std::string_view name, double& out);
  core::Status UInt32(Element object, std::string_view name, uint32_t& out);
  core::Status Int32(Element object, std::string_view name, int32_t& out);
  // A number, or one of the names.
  core::Status Enum(Element object, std::string_view name, std::span<const EnumName> names, int32_t& out);
  core::Status HexBytes(Element object, std::string_view name, std::string_view& out);
  // Ids have their length, or none.
  core::Status ReadTraceId(Element object, std::string_view name, TraceId& out);
  core::Status ReadSpanId(Element object, std::string_view name, SpanId& out);
  core::Status Value(Element object, std::string_view name, AnyValue& out);
  // Calls read(Element) -> Status for each item of a list.
  template <typename Read>
  core::Status ForEach(Element object, std::string_view name, Read&& read) {
    SEXTANT_ASSIGN(std::optional<Element> found, Find(object, name));
    if (!found) return {};
    simdjson::dom::array items;
    if (found->get(items) != simdjson::SUCCESS) return Wrong(name, "a list");
    for (Element item : items) SEXTANT_TRY(read(item));
    return {};
  }

  // The resources of a message and their scopes, which have the same form for all signals:
  // read_items(Element, Scope&) -> Status reads what is in one.
  template <typename Resource, typename ReadItems>
  core::Status ReadResources(Element request, std::string_view resources_name, std::string_view scopes_name,
                             std::vector<Resource>& out, ReadItems&& read_items) {
    return ForEach(request, resources_name, [&](Element item) -> core::Status {
      SEXTANT_ASSIGN(Resource * added, budget_.Add(out));
      SEXTANT_ASSIGN(std::optional<Element> resource, Find(item, "resource"));
      if (resource) SEXTANT_TRY(ReadResource(*resource, added->resource));
      SEXTANT_TRY(Text(item, "schemaUrl", added->schema_url));
      return ForEach(item, scopes_name, [&](Element scope_item) -> core::Status {
        SEXTANT_ASSIGN(auto* scope, budget_.Add(added->scopes));
        SEXTANT_ASSIGN(std::optional<Element> found, Find(scope_item, "scope"));
        if (found) SEXTANT_TRY(ReadScope(*found, scope->scope));
        SEXTANT_TRY(Text(scope_item, "schemaUrl", scope->schema_url));
        return read_items(scope_item, *scope);
      });
    });
  }

  core::Status Attributes(Element object, std::string_view name, otlp::Attributes& out);
  core::Status ReadResource(Element object, Resource& out);
  core::Status ReadScope(Element object, Scope& out);

  // A number that may stand as text.
  static std::optional<int64_t> AsInt(Element element);
  static std::optional<uint64_t> AsUInt(Element element);
  static std::optional<double> AsDouble(Element element);

  static tl::unexpected<core::Error> Wrong(std::string_view name, std::string_view expected);

  // Parses a message. What it gives lives in `memory`.
  static core::Result<Element> Parse(std::string_view text, Memory& memory);

 private:
  core::Status ReadKeyValue(Element object, int depth, KeyValue& out);
  core::Status ReadValue(Element object, int depth, AnyValue& out);
  core::Status ReadItems(Element object, bool has_keys, int depth, AnyValue& out);
  core::Status ReadEntityRef(Element object, EntityRef& out);
  template <size_t N>
  core::Status ReadId(Element object, std::string_view name, Id<N>& out);
  core::Status Texts(Element object, std::string_view name, List<std::string_view>& out);

  DecodeBudget& budget_;
  Memory& memory_;
};

}  // namespace sextant::otlp
