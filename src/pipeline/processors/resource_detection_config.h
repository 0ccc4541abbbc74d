// The settings of the processor `resource_detection`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/decode.h"
#include "config/secret.h"
#include "core/clock.h"
#include "pipeline/processors/host_detectors.h"
#include "pipeline/processors/kubernetes_client.h"

namespace sextant::pipeline {

struct AttributeSwitch {
  bool is_enabled = false;
};
// By the attributes' names; all of the detector's when the settings were read.
using AttributeSwitches = std::map<std::string, AttributeSwitch>;

struct EnvDetectorConfig {
  std::optional<std::vector<std::string>> allowlist;
};
struct SystemDetectorConfig {
  std::vector<HostNameSource> hostname_sources = {HostNameSource::kDns, HostNameSource::kOs};
  AttributeSwitches resource_attributes;
};
// Of detectors that have nothing else to be set.
struct PlainDetectorConfig {
  AttributeSwitches resource_attributes;
  bool fails_on_missing_metadata = false;
};
struct Ec2DetectorConfig {
  AttributeSwitches resource_attributes;
  std::vector<std::string> tags;
  bool tags_from_imds = false;
  bool fails_on_missing_metadata = false;
};
struct AzureDetectorConfig {
  AttributeSwitches resource_attributes;
  std::vector<std::string> tags;
};
struct ConsulDetectorConfig {
  AttributeSwitches resource_attributes;
  std::string address;
  std::string datacenter;
  std::string name_space;
  config::Secret token;
  std::string token_file;
  std::map<std::string, std::string> meta;  // its keys count
};
struct KubernetesNodeDetectorConfig {
  AttributeSwitches resource_attributes;
  KubernetesAuth auth_type = KubernetesAuth::kServiceAccount;
  std::string node_from_env_var = "K8S_NODE_NAME";
};

struct DetectionConfig {
  std::vector<std::string> detectors = {"env"};
  bool overrides = true;
  core::DurationMs timeout_ms = 5'000;
  core::DurationMs refresh_interval_ms = 0;
  bool fails_on_missing_metadata = false;
  EnvDetectorConfig env;
  SystemDetectorConfig system;
  Ec2DetectorConfig ec2;
  AzureDetectorConfig azure;
  PlainDetectorConfig gcp;
  PlainDetectorConfig docker;
  PlainDetectorConfig heroku;
  PlainDetectorConfig lambda;
  ConsulDetectorConfig consul;
  KubernetesNodeDetectorConfig k8snode;
  KubernetesNodeDetectorConfig k8s_api;
};

const config::Struct& FieldsOf(const AttributeSwitch*);
const config::Struct& FieldsOf(const EnvDetectorConfig*);
const config::Struct& FieldsOf(const SystemDetectorConfig*);
const config::Struct& FieldsOf(const PlainDetectorConfig*);
const config::Struct& FieldsOf(const Ec2DetectorConfig*);
const config::Struct& FieldsOf(const AzureDetectorConfig*);
const config::Struct& FieldsOf(const ConsulDetectorConfig*);
const config::Struct& FieldsOf(const KubernetesNodeDetectorConfig*);
const config::Struct& FieldsOf(const DetectionConfig*);

}  // namespace sextant::pipeline
