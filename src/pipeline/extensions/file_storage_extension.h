// Keeps what components want to have after a restart in files, one for each component: the sending queues of
// exporters, above all.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType FileStorageExtensionType();

// The name of a component's file, as the collector has it, with the ending of ours.
std::string StorageFileName(ComponentKind kind, const ComponentId& id, std::string_view name);

}  // namespace sextant::pipeline
