// node_xfs_*: what XFS counts for each file system, /sys/fs/xfs/*/stats/stats.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct Column {
  std::string_view line;
  size_t index;  // of the number behind the line's name
  std::string_view name;
  std::string_view help;
};

constexpr Column kColumns[] = {
    {"extent_alloc", 0, "node_xfs_extent_allocation_extents_allocated_total", "Extents allocated."},
    {"extent_alloc", 1, "node_xfs_extent_allocation_blocks_allocated_total", "Blocks allocated."},
    {"extent_alloc", 2, "node_xfs_extent_allocation_extents_freed_total", "Extents freed."},
    {"extent_alloc", 3, "node_xfs_extent_allocation_blocks_freed_total", "Blocks freed."},
    {"abt", 0, "node_xfs_allocation_btree_lookups_total", "Lookups in the allocation B-trees."},
    {"abt", 1, "node_xfs_allocation_btree_compares_total", "Compares in the allocation B-trees."},
    {"abt", 2, "node_xfs_allocation_btree_records_inserted_total",
     "Records put into the allocation B-trees."},
    {"abt", 3, "node_xfs_allocation_btree_records_deleted_total",
     "Records taken from the allocation B-trees."},
    {"blk_map", 0, "node_xfs_block_mapping_reads_total", "Block maps for reads."},
    {"blk_map", 1, "node_xfs_block_mapping_writes_total", "Block maps for writes."},
    {"blk_map", 2, "node_xfs_block_mapping_unmaps_total", "Block unmaps."},
    {"blk_map", 3, "node_xfs_block_mapping_extent_list_insertions_total", "Insertions into extent lists."},
    {"blk_map", 4, "node_xfs_block_mapping_extent_list_deletions_total", "Deletions from extent lists."},
    {"blk_map", 5, "node_xfs_block_mapping_extent_list_lookups_total", "Lookups in extent lists."},
    {"blk_map", 6, "node_xfs_block_mapping_extent_list_compares_total", "Compares in extent lists."},
    {"bmbt", 0, "node_xfs_block_map_btree_lookups_total", "Lookups in block map B-trees."},
    {"bmbt", 1, "node_xfs_block_map_btree_compares_total", "Compares in block map B-trees."},
    {"bmbt", 2, "node_xfs_block_map_btree_records_inserted_total", "Records put into block map B-trees."},
    {"bmbt", 3, "node_xfs_block_map_btree_records_deleted_total", "Records taken from block map B-trees."},
    {"dir", 0, "node_xfs_directory_operation_lookup_total", "Names looked up in directories."},
    {"dir", 1, "node_xfs_directory_operation_create_total", "Names made in directories."},
    {"dir", 2, "node_xfs_directory_operation_remove_total", "Names removed from directories."},
    {"dir", 3, "node_xfs_directory_operation_getdents_total", "Reads of directories."},
    {"ig", 0, "node_xfs_inode_operation_attempts_total", "Inodes asked for in the cache."},
    {"ig", 1, "node_xfs_inode_operation_found_total", "Inodes found in the cache."},
    {"ig", 2, "node_xfs_inode_operation_recycled_total", "Inodes found, but in recycling."},
    {"ig", 3, "node_xfs_inode_operation_missed_total", "Inodes not in the cache."},
    {"ig", 4, "node_xfs_inode_operation_duplicates_total", "Inodes read twice at the same time."},
    {"ig", 5, "node_xfs_inode_operation_reclaims_total", "Inodes dropped from the cache."},
    {"ig", 6, "node_xfs_inode_operation_attribute_changes_total", "Changes of inodes' attributes."},
    {"rw", 0, "node_xfs_write_calls_total", "Calls of write()."},
    {"rw", 1, "node_xfs_read_calls_total", "Calls of read()."},
    {"vnodes", 0, "node_xfs_vnode_active_total", "Vnodes not on the free list."},
    {"vnodes", 1, "node_xfs_vnode_allocate_total", "Vnodes allocated."},
    {"vnodes", 2, "node_xfs_vnode_get_total", "Vnodes taken."},
    {"vnodes", 3, "node_xfs_vnode_hold_total", "Vnodes held."},
    {"vnodes", 4, "node_xfs_vnode_release_total", "Vnodes released."},
    {"vnodes", 5, "node_xfs_vnode_reclaim_total", "Vnodes reclaimed."},
    {"vnodes", 6, "node_xfs_vnode_remove_total", "Vnodes removed."},
};

core::Status CollectXfs(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("fs/xfs");
  const auto devices = ListDirectory(base);
  if (!devices) return {};  // no XFS here
  std::vector<std::string_view> fields;
  for (const std::string& device : *devices) {
    const std::string path = base + "/" + device + "/stats/stats";
    const auto text = ReadHostFile(path);
    if (!text) continue;  // the file of all file systems together has another place
    std::string_view rest = *text;
    std::string_view line;
    while (NextLine(rest, line)) {
      SplitFields(line, fields);
      for (const Column& column : kColumns) {
        if (column.index + 1 >= fields.size() || column.line != fields[0]) continue;
        SEXTANT_ASSIGN(const double value,
                       ParseFloat(fields[column.index + 1]).map_error(core::AddContext("{}", path)));
        sink.GetFamily(column.name, column.help, MetricType::kCounter, {"device"}).Add({device}, value);
      }
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeXfsCollector() {
  return std::make_unique<StatelessCollector>("xfs", CollectXfs);
}

}  // namespace sextant::node
