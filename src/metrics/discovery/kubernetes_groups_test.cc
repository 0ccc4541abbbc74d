// Kubernetes' objects to target groups, against Prometheus' own cases and against what Prometheus found in a
// recorded cluster.
#include "metrics/discovery/kubernetes_groups.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

namespace sextant::discovery {
namespace {

namespace dom = simdjson::dom;

std::string Folder() {
  const char* given = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return std::string(given != nullptr ? given : SEXTANT_CONFORMANCE_DEFAULT) + "/kube/";
}

kube::Kind KindOf(const std::string& resource) {
  if (resource == "pods") return kube::Kind::kPod;
  if (resource == "services") return kube::Kind::kService;
  if (resource == "endpoints") return kube::Kind::kEndpoints;
  if (resource == "endpointslices") return kube::Kind::kEndpointSlice;
  if (resource == "nodes") return kube::Kind::kNode;
  if (resource == "ingresses") return kube::Kind::kIngress;
  return kube::Kind::kOther;
}

std::string ResourceOf(std::string_view kind) {
  if (kind == "Endpoints") return "endpoints";
  if (kind == "Ingress") return "ingresses";
  std::string resource(kind);
  for (char& c : resource) c = static_cast<char>(std::tolower(c));
  return resource + "s";
}

// All objects, by resource and key.
struct Cluster {
  std::map<std::string, std::map<std::string, kube::ObjectPtr>> objects;

  void Put(const std::string& resource, dom::element json) {
    auto object = kube::ParseObject(simdjson::minify(json), KindOf(resource));
    ASSERT_TRUE(object) << object.error().message();
    objects[resource][(*object)->meta.key()] = *object;
  }
  ClusterView::Find Finder(const std::string& resource) const {
    return [this, resource](const std::string& name_space, const std::string& name) -> kube::ObjectPtr {
      auto all = objects.find(resource);
      if (all == objects.end()) return nullptr;
      auto found = all->second.find(name_space.empty() ? name : name_space + "/" + name);
      return found == all->second.end() ? nullptr : found->second;
    };
  }
  // Groups with targets, by source.
  std::map<std::string, TargetGroup> Groups(const std::string& role, const ClusterView& view,
                                            const std::set<std::string>& namespaces) const {
    std::map<std::string, TargetGroup> groups;
    auto all = objects.find(role == "ingress" ? "ingresses" : role == "endpoints" ? role : role + "s");
    if (all == objects.end()) return groups;
    for (const auto& [key, object] : all->second) {
      if (!namespaces.empty() && !namespaces.contains(object->meta.name_space)) continue;
      TargetGroup group = MakeKubernetesGroup(role, *object, view);
      if (!group.targets.empty()) groups[group.source] = std::move(group);
    }
    return groups;
  }
};

model::Labels ReadLabels(dom::element object, const std::string& skipped) {
  model::LabelsBuilder labels;
  if (!object.is_object()) return labels.Build();
  for (auto [name, value] : object.get_object()) {
    if (skipped.empty() || name.find(skipped) == std::string_view::npos)
      labels.Set(name, value.get_string().value());
  }
  return labels.Build();
}

std::string Describe(const model::Labels& labels, const std::string& skipped) {
  model::LabelsBuilder rest(labels);
  for (model::LabelView label : labels) {
    if (!skipped.empty() && label.name.find(skipped) != std::string_view::npos) rest.Delete(label.name);
  }
  return rest.Build().ToString();
}

// `skipped`: labels whose name has this are not compared.
void Compare(dom::element expected, const std::map<std::string, TargetGroup>& groups,
             const std::string& skipped) {
  size_t count = 0;
  for (auto [source, wanted] : expected.get_object()) {
    dom::array targets;
    if (wanted["Targets"].get(targets) != simdjson::SUCCESS || targets.size() == 0) {
      EXPECT_FALSE(groups.contains(std::string(source))) << source;
      continue;
    }
    ++count;
    auto found = groups.find(std::string(source));
    if (found == groups.end()) {
      ADD_FAILURE() << "no group " << source;
      continue;
    }
    EXPECT_EQ(Describe(found->second.labels, skipped), ReadLabels(wanted["Labels"], skipped).ToString())
        << source;
    std::vector<std::string> wanted_targets;
    for (dom::element target : targets) wanted_targets.push_back(ReadLabels(target, skipped).ToString());
    std::vector<std::string> found_targets;
    for (const model::Labels& target : found->second.targets)
      found_targets.push_back(Describe(target, skipped));
    EXPECT_EQ(found_targets, wanted_targets) << source;
  }
  EXPECT_EQ(groups.size(), count);
}

TEST(KubernetesGroupsConformance, UpstreamsCases) {
  if (!std::filesystem::exists(Folder() + "prometheus-sd/cases")) GTEST_SKIP() << Folder() << " is not there";
  size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(Folder() + "prometheus-sd/cases")) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      dom::parser parser;
      dom::element root = parser.parse(line);
      SCOPED_TRACE(std::string(root["test"].get_string().value()));
      std::string role(root["role"].get_string().value());
      Cluster cluster;
      for (dom::element object : root["initialObjects"].get_array())
        cluster.Put(ResourceOf(object["kind"].get_string().value()), object);
      for (dom::element action : root["actions"].get_array()) {
        std::string resource(action["resource"].get_string().value());
        if (action["verb"].get_string().value() != "delete") {
          cluster.Put(resource, action["object"]);
          continue;
        }
        std::string_view name_space;
        if (action["namespace"].get(name_space) != simdjson::SUCCESS) name_space = "";
        std::string name(action["name"].get_string().value());
        cluster.objects[resource].erase(name_space.empty() ? name : std::string(name_space) + "/" + name);
      }
      auto attach = [&](const char* what) { return root["attachMetadata"][what].get_bool().value(); };
      ClusterView view;
      view.pod = cluster.Finder("pods");
      view.service = cluster.Finder("services");
      if (attach("Node")) view.node = cluster.Finder("nodes");
      if (attach("Namespace")) view.name_space = cluster.Finder("namespaces");
      if (attach("Deployment")) view.replica_set = cluster.Finder("replicasets");
      if (attach("CronJob")) view.job = cluster.Finder("jobs");
      view.attach_job = attach("Job");
      std::set<std::string> namespaces;
      dom::array names;
      if (root["namespaces"]["names"].get(names) == simdjson::SUCCESS) {
        for (dom::element name : names) namespaces.emplace(name.get_string().value());
      }
      if (root["namespaces"]["own_namespace"].get_bool().value())
        namespaces.emplace(root["ownNamespace"].get_string().value());
      ++cases;
      std::string_view name = root["test"].get_string().value();
      // Upstream's tests end before the node's new label has come through.
      if (name.starts_with("TestEndpoint") && name.ends_with("WithUpdatedNodeMetadata")) continue;
      if (name == "TestPodDiscoveryWithNodeSelector") {
        // The case's selector is not in its data.
        cluster.objects["nodes"].erase("filtered-node");
        view.needs_node = true;
      }
      Compare(root["expect"], cluster.Groups(role, view, namespaces), "");
    }
  }
  EXPECT_EQ(cases, 79u);
}

// What Prometheus found in the recorded cluster. The two labels that become one when they are sanitized have
// either value there.
TEST(KubernetesGroupsConformance, TheRecordedCluster) {
  std::string folder = Folder() + "kubeapi/";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not there";
  Cluster cluster;
  for (const char* resource : {"pods", "services", "endpoints", "endpointslices", "nodes", "ingresses",
                               "namespaces", "replicasets", "jobs"}) {
    dom::parser parser;
    dom::element root = parser.load(folder + "recorded/list-" + resource + ".json");
    for (dom::element item : root["items"].get_array()) cluster.Put(resource, item);
  }
  struct Case {
    const char* name;
    const char* role;
    bool attaches;
  };
  for (const Case& one :
       {Case{"endpoints", "endpoints", false}, Case{"endpointslice", "endpointslice", false},
        Case{"endpointslice-attach", "endpointslice", true}, Case{"ingress", "ingress", false},
        Case{"node", "node", false}, Case{"pod", "pod", false}, Case{"pod-attach", "pod", true},
        Case{"service", "service", false}}) {
    SCOPED_TRACE(one.name);
    ClusterView view;
    view.pod = cluster.Finder("pods");
    view.service = cluster.Finder("services");
    if (one.attaches) {
      view.node = cluster.Finder("nodes");
      view.name_space = cluster.Finder("namespaces");
      view.replica_set = cluster.Finder("replicasets");
      view.job = cluster.Finder("jobs");
      view.attach_job = true;
    }
    dom::parser parser;
    dom::element expected = parser.load(folder + "expect-sd/" + one.name + ".json");
    Compare(expected, cluster.Groups(one.role, view, {}), "weird_label");
  }
}

}  // namespace
}  // namespace sextant::discovery
