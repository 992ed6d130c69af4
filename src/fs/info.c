/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/info.h"

#include <inttypes.h>

#include "fs/decl.h"

/* --- README --- */

static const char readme[] =
	"podfs: a cluster as a tree of files.  NAME.yaml is what you asked for; NAME/ is what you have.\n"
	"\n"
	"  cp web.yaml deployments/              declare: checked whole, in force when cp ends\n"
	"  rsync -a --delete site/ manifests/    any kinds, folders and number of documents; git works there too\n"
	"  cat errors                            why a write was refused: line, field, reason\n"
	"  cat deployments/web/describe          how it is doing, for people\n"
	"  ls deployments/web/pods/              what it made\n"
	"  echo 5 > deployments/web/spec/replicas    change one field of the live object\n"
	"  cat pods/NAME/logs/CONTAINER          output of a container (tail -f works)\n"
	"  rm deployments/web.yaml               take the declaration back; the object goes soon after\n"
	"  cp app.tar images/                    import an image (OCI layout or docker archive)\n"
	"  mkdir namespaces/dev                  make a namespace; inside it: a directory per kind\n"
	"\n"
	"The root is namespace \"default\". Cluster-wide kinds (nodes, namespaces ...) are at the root only.\n"
	"A file named *.yaml, *.yml or *.json in a kind's directory is a manifest; editors' own files are kept\n"
	"and never applied. A write that is refused fails with EINVAL (or a closer errno), the version before it\n"
	"stays in force, and rejected/ keeps the text that was refused.\n"
	"No HTTP API answers: what runs in a pod reaches the cluster through this tree (a hostPath volume).\n"
	"\n"
	"Manuals: podfs(1) the command, podfs(5) manifests and fields, podfs(7) this tree.\n";

static int readme_render(struct fs_node *n, struct buf *out)
{
	buf_puts(out, readme);
	return 0;
}

/* What never changes while the mount lives. */
static int constant_getattr(struct fs_node *n, struct fs_attr *a)
{
	return fs_attr_render(n, a, 0444, n->fs->started);
}

const struct fs_ops fs_readme_ops = { .region = "README", .getattr = constant_getattr, .render = readme_render };

/* --- version --- */

static int version_render(struct fs_node *n, struct buf *out)
{
	buf_printf(out, "podfs %s\n", n->fs->config.version ? n->fs->config.version : "unknown");
	return 0;
}

const struct fs_ops fs_version_ops = { .region = "version", .getattr = constant_getattr, .render = version_render };

/* --- what is rendered anew each time --- */

static int changing_getattr(struct fs_node *n, struct fs_attr *a)
{
	a->ttl = FS_TTL_NONE; /* the time stays: tar(1) takes another one for a file that changes under its hands */
	return fs_attr_render(n, a, 0444, n->fs->started);
}

static int healthz_render(struct fs_node *n, struct buf *out)
{
	size_t before = out->len;

	if (n->fs->config.health)
		n->fs->config.health(n->fs->config.health_arg, out);
	if (out->len == before)
		buf_puts(out, "ok\n");
	return 0;
}

const struct fs_ops fs_healthz_ops = { .region = "healthz", .getattr = changing_getattr, .render = healthz_render };

static void metric(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name, value);
}

static int metrics_render(struct fs_node *n, struct buf *out)
{
	struct store_stats s;
	size_t manifests, declared, n_kinds;
	const struct schema_kind *const *kinds = schema_kinds(&n_kinds);

	store_stats(n->fs->store, &s);
	fs_decl_count(n->fs->decl, &manifests, &declared);
	metric(out, "podfs_store_transactions_total", "counter", "Transactions committed.", s.transactions);
	metric(out, "podfs_store_disk_commits_total", "counter", "Commits synced to disk.", s.disk_commits);
	metric(out, "podfs_store_conflicts_total", "counter", "Transactions refused because a key had changed.",
	       s.conflicts);
	metric(out, "podfs_store_keys", "gauge", "Keys in the store.", s.keys);
	metric(out, "podfs_store_bytes", "gauge", "Bytes of values in the store.", s.bytes);
	metric(out, "podfs_manifests", "gauge", "Manifests in force.", manifests);
	metric(out, "podfs_declared_objects", "gauge", "Objects that manifests declare.", declared);
	buf_puts(out, "# HELP podfs_objects Objects of each kind.\n# TYPE podfs_objects gauge\n");
	for (size_t i = 0; i < n_kinds; i++)
		buf_printf(out, "podfs_objects{resource=\"%s\"} %zu\n", kinds[i]->plural,
			   cache_count(n->fs->cache, kinds[i], NULL));
	if (n->fs->config.metrics)
		n->fs->config.metrics(n->fs->config.metrics_arg, out);
	return 0;
}

const struct fs_ops fs_metrics_ops = { .region = "metrics", .getattr = changing_getattr, .render = metrics_render };
