#include "app/assets.h"

namespace sextant::app {

const Asset* FindAsset(std::string_view name) {
  for (const Asset& asset : EmbeddedAssets()) {
    if (asset.name == name) return &asset;
  }
  return nullptr;
}

}  // namespace sextant::app
