// Small messages that several protocols have in the same form. Private to this module.
#pragma once

#include <string_view>

#include "model/histogram.h"
#include "model/labels.h"
#include "wire/decode.h"

namespace sextant::wire {

// A label pair: name and value.
inline model::LabelView ReadLabel(std::string_view bytes) {
  model::LabelView label;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        label.name = View(reader);
        break;
      case Bytes(2):
        label.value = View(reader);
        break;
      default:
        reader.skip();
    }
  }
  return label;
}

// A span of a native histogram's buckets.
inline model::BucketSpan ReadSpan(std::string_view bytes) {
  model::BucketSpan span;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Varint(1):
        span.offset = reader.get_sint32();
        break;
      case Varint(2):
        span.length = reader.get_uint32();
        break;
      default:
        reader.skip();
    }
  }
  return span;
}

}  // namespace sextant::wire
