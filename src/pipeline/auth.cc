#include "pipeline/auth.h"

namespace sextant::pipeline {

namespace {

template <typename Authenticator>
core::Result<Authenticator*> Find(const ExtensionHost& extensions, std::string_view id,
                                  std::string_view what) {
  Extension* extension = extensions.FindExtension(id);
  if (extension == nullptr) {
    return core::Fail(core::Code::kInvalidArgument,
                      "failed to resolve authenticator \"{}\": authenticator not found", id);
  }
  auto* authenticator = dynamic_cast<Authenticator*>(extension);
  if (authenticator == nullptr) {
    return core::Fail(core::Code::kInvalidArgument,
                      "failed to resolve authenticator \"{}\": requested authenticator is not a {} "
                      "authenticator",
                      id, what);
  }
  return authenticator;
}

}  // namespace

core::Result<ServerAuthenticator*> FindServerAuthenticator(const ExtensionHost& extensions,
                                                           std::string_view id) {
  return Find<ServerAuthenticator>(extensions, id, "server");
}

core::Result<ClientAuthenticator*> FindClientAuthenticator(const ExtensionHost& extensions,
                                                           std::string_view id) {
  return Find<ClientAuthenticator>(extensions, id, "client");
}

}  // namespace sextant::pipeline
