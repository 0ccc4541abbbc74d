#include "net/grpc.h"

#include "net/exchange.h"

namespace sextant::net {

GrpcResponder::GrpcResponder(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}

GrpcResponder::~GrpcResponder() {
  if (exchange_ != nullptr) exchange_->AbandonCall();
}

GrpcResponder::GrpcResponder(GrpcResponder&&) noexcept = default;

GrpcResponder& GrpcResponder::operator=(GrpcResponder&& other) noexcept {
  if (this == &other) return *this;
  if (exchange_ != nullptr) exchange_->AbandonCall();
  exchange_ = std::move(other.exchange_);
  return *this;
}

void GrpcResponder::Reply(GrpcReply reply) { exchange_->Reply(std::move(reply)); }
bool GrpcResponder::IsCancelled() const { return exchange_->IsCancelled(); }
void GrpcResponder::OnCancelled(std::function<void()> callback) {
  exchange_->OnCancelled(std::move(callback));
}

}  // namespace sextant::net
