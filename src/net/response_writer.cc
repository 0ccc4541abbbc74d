#include "net/response_writer.h"

#include "net/exchange.h"

namespace sextant::net {

ResponseWriter::ResponseWriter(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}

ResponseWriter::~ResponseWriter() {
  if (exchange_ != nullptr) exchange_->Abandon();
}

ResponseWriter::ResponseWriter(ResponseWriter&&) noexcept = default;

ResponseWriter& ResponseWriter::operator=(ResponseWriter&& other) noexcept {
  if (this == &other) return *this;
  if (exchange_ != nullptr) exchange_->Abandon();
  exchange_ = std::move(other.exchange_);
  return *this;
}

void ResponseWriter::Send(HttpResponse response) { exchange_->Send(std::move(response)); }
void ResponseWriter::Start(int status, HttpHeaders headers) {
  exchange_->Start(status, std::move(headers), false);
}
void ResponseWriter::StartEndless(int status, HttpHeaders headers) {
  exchange_->Start(status, std::move(headers), true);
}
core::Status ResponseWriter::Write(std::string_view piece) { return exchange_->Write(piece, true); }
core::Status ResponseWriter::TryWrite(std::string_view piece) { return exchange_->Write(piece, false); }
core::Status ResponseWriter::Flush() { return exchange_->Flush(); }
void ResponseWriter::Finish() { exchange_->Finish(); }
bool ResponseWriter::IsCancelled() const { return exchange_->IsCancelled(); }
void ResponseWriter::OnCancelled(std::function<void()> callback) {
  exchange_->OnCancelled(std::move(callback));
}

SseWriter::SseWriter(ResponseWriter writer) : writer_(std::move(writer)) {
  writer_.StartEndless(200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}});
}

core::Status SseWriter::Send(std::string_view event, std::string_view data, std::string_view id) {
  constexpr std::string_view kBreaks("\r\n\0", 3);
  if (event.find_first_of(kBreaks) != std::string_view::npos ||
      id.find_first_of(kBreaks) != std::string_view::npos) {
    return core::Fail(core::Code::kInvalidArgument, "the name or id of an event holds a line break");
  }
  std::string text;
  if (!event.empty()) text.append("event: ").append(event).append("\n");
  if (!id.empty()) text.append("id: ").append(id).append("\n");
  while (true) {
    size_t end = data.find_first_of("\r\n");
    text.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    data.remove_prefix(data.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
  text += '\n';
  return writer_.TryWrite(text);
}

core::Status SseWriter::KeepAlive() { return writer_.TryWrite(": \n\n"); }

}  // namespace sextant::net
