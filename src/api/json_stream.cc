#include "api/json_stream.h"

#include "api/envelope.h"

namespace sextant::api {

namespace {

constexpr size_t kPieceBytes = 256 << 10;

}  // namespace

JsonStream::JsonStream(net::ResponseWriter writer) : writer_(std::move(writer)) {
  json_.BeginObject().Key("status").String("success").Key("data");
}

bool JsonStream::Progress() {
  if (json_.size() < kPieceBytes) return true;
  if (!is_started_) writer_.Start(200, {{"Content-Type", "application/json"}});
  is_started_ = true;
  return writer_.Write(json_.TakePiece()).has_value();
}

void JsonStream::Finish(const std::vector<std::string>& warnings, const std::vector<std::string>& infos) {
  EndEnvelope(json_, warnings, infos);
  std::string rest = std::move(json_).Take();
  if (!is_started_) return writer_.Send(net::HttpResponse::Json(200, std::move(rest)));
  if (writer_.Write(rest)) writer_.Finish();
}

}  // namespace sextant::api
