// The JSON answer of a request, written as it is made: a short one is sent whole, a long one in pieces, so
// that none but a piece of it is in memory as text.
//
//   JsonStream stream(std::move(writer));
//   stream.json().BeginArray();
//   for (const auto& text : texts) {
//     stream.json().String(text);
//     if (!stream.Progress()) return;   // the client is gone
//   }
//   stream.json().EndArray();
//   stream.Finish(warnings, infos);
//
// The envelope of a success is written around. One thread; not one of I/O.
#pragma once

#include <string>
#include <vector>

#include "core/json_writer.h"
#include "net/response_writer.h"

namespace sextant::api {

class JsonStream {
 public:
  // Begins an envelope; what is written next is its data, one JSON value.
  explicit JsonStream(net::ResponseWriter writer);

  core::JsonWriter& json() { return json_; }
  // Sends what is written when it is enough for a piece. False when the client is gone: give up then.
  bool Progress();
  // Closes the envelope and sends what is left.
  void Finish(const std::vector<std::string>& warnings, const std::vector<std::string>& infos);

 private:
  net::ResponseWriter writer_;
  core::JsonWriter json_;
  bool is_started_ = false;
};

}  // namespace sextant::api
