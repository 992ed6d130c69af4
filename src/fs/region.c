/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/region.h"

#include "fs/errors.h"
#include "fs/eventlog.h"
#include "fs/folder.h"
#include "fs/images.h"
#include "fs/info.h"
#include "fs/other.h"
#include "fs/podfiles.h"
#include "fs/preview.h"
#include "fs/rejected.h"
#include "fs/stream.h"
#include "fs/tables.h"

const struct fs_region fs_regions[] = {
	{ .name = "README", .type = S_IFREG, .ops = &fs_readme_ops },
	{ .name = "errors", .type = S_IFREG, .in_namespaces = true, .ops = &fs_errors_ops },
	{ .name = "events", .type = S_IFREG, .in_namespaces = true, .ops = &fs_events_ops },
	{ .name = "healthz", .type = S_IFREG, .ops = &fs_healthz_ops },
	{ .name = "images", .type = S_IFDIR, .ops = &fs_images_dir_ops },
	{ .name = "logs", .type = S_IFDIR, .in_namespaces = true, .ops = &fs_logs_ops },
	{ .name = "manifests", .type = S_IFDIR, .in_namespaces = true, .ops = &fs_manifests_ops },
	{ .name = "metrics", .type = S_IFREG, .ops = &fs_metrics_ops },
	{ .name = "other", .type = S_IFDIR, .in_namespaces = true, .ops = &fs_other_ops },
	{ .name = "rejected", .type = S_IFDIR, .in_namespaces = true, .ops = &fs_rejected_ops },
	{ .name = "table", .type = S_IFDIR, .in_namespaces = true, .ops = &fs_tables_ops },
	{ .name = "version", .type = S_IFREG, .ops = &fs_version_ops },
	{ .name = "preview", .type = S_IFREG, .unlisted = true, .ops = &fs_preview_ops },
	{ .name = "watch", .type = S_IFREG, .in_namespaces = true, .unlisted = true, .ops = &fs_watch_ops },
	{ 0 },
};
