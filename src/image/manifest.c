/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both formats lead to a list of struct manifest_image. An OCI index is walked depth first; what is not for this
 * machine is counted, so that an archive that holds nothing for it can be refused with the platforms it has.
 */
#include "image/manifest.h"

#include <string.h>

#include "base/buf.h"
#include "image/digest.h"
#include "image/imageconfig.h"
#include "image/ref.h"
#include "value/json.h"

enum {
	INDEX_DEPTH_MAX = 3, /* an index in an index in an index: more is an attack */
	DOCUMENTS_MAX = 4096, /* read in one import */
};

static const char NAME_ANNOTATION[] = "org.opencontainers.image.ref.name";
static const char CONTAINERD_NAME_ANNOTATION[] = "io.containerd.image.name";

struct reader {
	manifest_read_fn *read;
	void *user;
	const char *architecture;
	const char *name; /* that replaces all names, or NULL */
	struct arena *arena;
	struct manifest_image *images; /* in the arena, room for MANIFEST_IMAGES_MAX */
	size_t n;
	size_t documents;    /* read so far */
	struct buf others;   /* platforms that were passed over, ", " between them */
	struct error *err;
};

/* The indexes above a manifest, the outermost last. */
struct trail {
	const char *digest;
	const struct trail *above;
};

const char *manifest_architecture(const char *machine)
{
	static const struct {
		const char *machine, *architecture;
	} NAMES[] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" }, { "armv7l", "arm" },	{ "armv6l", "arm" },
		{ "i386", "386" },     { "i686", "386" },      { "loongarch64", "loong64" }, { "mips64", "mips64le" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(NAMES); i++)
		if (strcmp(machine, NAMES[i].machine) == 0)
			return NAMES[i].architecture;
	return machine;
}

/* Reads a JSON document; `digest` (may be NULL) is what its bytes must have. */
static int read_document(struct reader *r, const char *name, const char *digest, int64_t size, struct value **ret,
			 char ret_digest[static DIGEST_SIZE])
{
	static const struct yaml_limits limits = { .max_bytes = MANIFEST_MAX_BYTES, .max_nodes = 200000 };
	_cleanup_free_ char *text = NULL;
	struct value_mark where = { 0, 0 };
	size_t len = 0;
	int rc;

	if (++r->documents > DOCUMENTS_MAX)
		return error_set(r->err, -EINVAL, "the archive refers to more than %d documents", DOCUMENTS_MAX);
	rc = r->read(r->user, name, MANIFEST_MAX_BYTES, &text, &len, r->err);
	if (rc < 0)
		return rc;
	digest_of(text, len, ret_digest);
	if (size >= 0 && (uint64_t)size != len)
		return error_set(r->err, -EINVAL, "%s has %zu bytes; its descriptor says %jd", name, len, (intmax_t)size);
	if (digest && strcmp(digest, ret_digest) != 0)
		return error_set(r->err, -EINVAL, "%s does not have its digest: it is %s", name, ret_digest);
	rc = json_read(text, len, &limits, r->arena, ret, r->err, &where);
	if (rc < 0)
		return error_wrap(r->err, "%s:%u:%u", name, where.line, where.column);
	if (value_type(*ret) != VALUE_MAP && value_type(*ret) != VALUE_LIST)
		return error_set(r->err, -EINVAL, "%s is neither a map nor a list", name);
	return 0;
}

/* The blob that a descriptor names. */
static int descriptor(struct reader *r, const struct value *d, const char *where, const char **ret_blob,
		      const char **ret_digest, int64_t *ret_size)
{
	const char *digest = value_str(value_get(d, "digest"));
	const char *blob;

	if (!digest || value_len(value_get(d, "digest")) != strlen(digest) || !image_digest_valid(digest))
		return error_set(r->err, -EINVAL, "%s: \"%.80s\" is not a sha256 digest", where, digest ? digest : "");
	*ret_size = value_int(value_get(d, "size"), -1);
	if (*ret_size < 0)
		return error_set(r->err, -EINVAL, "%s: %s has no size", where, digest);
	blob = arena_printf(r->arena, "blobs/sha256/%s", digest + strlen("sha256:"));
	if (!blob)
		return error_set(r->err, -ENOMEM, "out of memory");
	*ret_digest = digest;
	*ret_blob = blob;
	return 0;
}

static int add_name(struct reader *r, struct value *names, const char *ref, const char *where)
{
	_cleanup_free_ char *name = NULL;
	int rc = image_ref_normalize(r->name ? r->name : ref, &name, r->err);

	if (rc < 0)
		return error_wrap(r->err, "%s", where);
	for (size_t i = 0; i < value_len(names); i++)
		if (strcmp(value_str(value_at(names, i)), name) == 0)
			return 0;
	value_append(r->arena, names, value_new_str(r->arena, name));
	return 0;
}

static void add_digest(struct reader *r, struct value *digests, const char *digest)
{
	for (size_t i = 0; i < value_len(digests); i++)
		if (strcmp(value_str(value_at(digests, i)), digest) == 0)
			return;
	value_append(r->arena, digests, value_new_str(r->arena, digest));
}

/* Whether a machine runs it: its own architecture, or the 32-bit one that every such processor runs too. */
static bool runs(const struct reader *r, const char *os, const char *architecture)
{
	if (os && strcmp(os, "linux") != 0)
		return false;
	if (!architecture || strcmp(architecture, r->architecture) == 0)
		return true;
	return strcmp(r->architecture, "amd64") == 0 && strcmp(architecture, "386") == 0;
}

static void note_other(struct reader *r, const char *os, const char *architecture, const char *variant)
{
	if (r->others.len < 256)
		buf_printf(&r->others, "%s%.16s/%.16s%s%.8s", r->others.len ? ", " : "", os ? os : "linux",
			   architecture ? architecture : "unknown", variant ? "/" : "", variant ? variant : "");
}

/* overlayfs refuses the same directory twice; the upper one hides the lower one wholly, so the lower one goes. */
static void drop_repeated(struct manifest_image *image)
{
	size_t kept = 0;

	for (size_t i = 0; i < image->n_layers; i++) {
		bool again = false;

		for (size_t k = i + 1; k < image->n_layers && !again; k++)
			again = strcmp(image->layers[i].diff_id, image->layers[k].diff_id) == 0;
		if (!again)
			image->layers[kept++] = image->layers[i];
	}
	image->n_layers = kept;
}

/* Fills in what the config says. `layers` (a list) is how many the manifest has. Returns 1 when the image is for
 * another machine. */
static int take_config(struct reader *r, const char *name, const struct value *doc, const struct value *layers,
		       struct manifest_image *image)
{
	const char *os = value_str(value_get(doc, "os")), *arch = value_str(value_get(doc, "architecture"));
	const struct value *diff_ids = NULL;
	int rc;

	if ((os && *os && !runs(r, os, NULL)) || (arch && *arch && !runs(r, NULL, arch))) {
		note_other(r, os, arch, value_str(value_get(doc, "variant")));
		return 1;
	}
	rc = imageconfig_diff_ids(doc, &diff_ids, r->err);
	if (rc == 0)
		rc = imageconfig_take(doc, r->arena, &image->config, r->err);
	if (rc < 0)
		return error_wrap(r->err, "%s", name);
	image->n_layers = value_len(diff_ids);
	if (value_type(layers) != VALUE_LIST || value_len(layers) != image->n_layers)
		return error_set(r->err, -EINVAL, "%s: the manifest has %zu layers and the config names %zu", name,
				 value_len(layers), image->n_layers);
	if (image->n_layers > MANIFEST_LAYERS_MAX)
		return error_set(r->err, -EINVAL, "%s: %zu layers; at most %d can be mounted", name, image->n_layers,
				 MANIFEST_LAYERS_MAX);
	image->layers = arena_alloc(r->arena, (image->n_layers + 1) * sizeof(*image->layers));
	if (!image->layers)
		return error_set(r->err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < image->n_layers; i++)
		image->layers[i] = (struct manifest_layer){ .diff_id = value_str(value_at(diff_ids, i)), .size = -1 };
	return 0;
}

static int new_image(struct reader *r, struct manifest_image **ret)
{
	struct manifest_image *image;

	if (r->n == MANIFEST_IMAGES_MAX)
		return error_set(r->err, -EINVAL, "the archive holds more than %d images", MANIFEST_IMAGES_MAX);
	image = &r->images[r->n];
	*image = (struct manifest_image){ .names = value_new_list(r->arena), .digests = value_new_list(r->arena) };
	*ret = image;
	return 0;
}

/* Keeps the image that was being made; one that the archive already gave gets its names added. */
static void keep_image(struct reader *r, struct manifest_image *image)
{
	for (size_t i = 0; i < r->n; i++) {
		struct manifest_image *old = &r->images[i];

		if (strcmp(old->digest, image->digest) != 0)
			continue;
		for (size_t k = 0; k < value_len(image->names); k++)
			add_digest(r, old->names, value_str(value_at(image->names, k)));
		for (size_t k = 0; k < value_len(image->digests); k++)
			add_digest(r, old->digests, value_str(value_at(image->digests, k)));
		return;
	}
	drop_repeated(image);
	r->n++;
}

static bool is_index(const struct value *doc)
{
	return value_type(value_get(doc, "manifests")) == VALUE_LIST;
}

static bool layer_type_known(const char *type)
{
	static const char *const TYPES[] = {
		"application/vnd.oci.image.layer.v1.tar",
		"application/vnd.oci.image.layer.v1.tar+gzip",
		"application/vnd.oci.image.layer.v1.tar+zstd",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
		"application/vnd.docker.image.rootfs.diff.tar",
		"application/vnd.docker.image.rootfs.diff.tar.gzip",
		"application/vnd.docker.image.rootfs.diff.tar.zstd",
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
	};

	for (size_t i = 0; i < ARRAY_SIZE(TYPES); i++)
		if (strcmp(type, TYPES[i]) == 0)
			return true;
	return false;
}

static int take_manifest(struct reader *r, const char *where, const char *digest, const struct value *doc,
			 const char *ref, const struct trail *trail)
{
	const struct value *layers = value_get(doc, "layers");
	struct manifest_image *image = NULL;
	char config_digest[DIGEST_SIZE];
	struct value *config = NULL;
	const char *blob;
	int64_t size;
	int rc;

	rc = new_image(r, &image);
	if (rc < 0)
		return rc;
	if (value_type(value_get(doc, "config")) != VALUE_MAP)
		return error_set(r->err, -EINVAL, "%s is not the manifest of an image: it has no config", where);
	rc = descriptor(r, value_get(doc, "config"), where, &blob, &image->id, &size);
	if (rc < 0)
		return rc;
	rc = read_document(r, blob, image->id, size, &config, config_digest);
	if (rc < 0)
		return rc;
	rc = take_config(r, blob, config, layers, image);
	if (rc)
		return rc < 0 ? rc : 0;
	for (size_t i = 0; i < image->n_layers; i++) {
		struct manifest_layer *l = &image->layers[i];
		const char *type = value_str_or(value_get(value_at(layers, i), "mediaType"), "");

		if (!layer_type_known(type))
			return error_set(r->err, -EINVAL, "%s: layers[%zu] is of type \"%.100s\", which is no layer of a "
					 "container image", where, i, type);
		rc = descriptor(r, value_at(layers, i), where, &l->blob, &l->digest, &l->size);
		if (rc < 0)
			return rc;
	}
	image->digest = digest;
	add_digest(r, image->digests, digest);
	for (; trail; trail = trail->above)
		add_digest(r, image->digests, trail->digest);
	add_digest(r, image->digests, image->id);
	if (ref) {
		rc = add_name(r, image->names, ref, where);
		if (rc < 0)
			return rc;
	}
	keep_image(r, image);
	return 0;
}

static int take_index(struct reader *r, const char *where, const struct value *doc, const char *ref,
		      const struct trail *trail, int depth);

/* Attestations ride in indexes as manifests of an unknown platform; they are no images. */
static bool is_attestation(const struct value *d)
{
	const char *os = value_str(value_path(d, "platform", "os"));

	return (os && strcmp(os, "unknown") == 0) || value_path(d, "annotations", "vnd.docker.reference.type");
}

static const char *name_of(const struct value *d)
{
	const char *name = value_str(value_path(d, "annotations", CONTAINERD_NAME_ANNOTATION));

	return name ? name : value_str(value_path(d, "annotations", NAME_ANNOTATION));
}

/* One entry of an index. */
static int take_entry(struct reader *r, const char *where, const struct value *d, const char *ref,
		      const struct trail *trail, int depth)
{
	struct trail here = { .above = trail };
	char got[DIGEST_SIZE];
	struct value *doc = NULL;
	const char *blob;
	int64_t size;
	int rc;

	rc = descriptor(r, d, where, &blob, &here.digest, &size);
	if (rc < 0)
		return rc;
	rc = read_document(r, blob, here.digest, size, &doc, got);
	if (rc < 0)
		return rc;
	if (is_index(doc))
		return take_index(r, blob, doc, ref, &here, depth + 1);
	return take_manifest(r, blob, here.digest, doc, ref, trail);
}

/* What of an index is for this machine: the entry of its own architecture, else the first that runs. NULL: nothing; the
 * platforms are noted. */
static const struct value *best_entry(struct reader *r, const struct value *entries)
{
	const struct value *best = NULL;

	for (size_t i = 0; i < value_len(entries); i++) {
		const struct value *d = value_at(entries, i), *platform = value_get(d, "platform");
		const char *os = value_str(value_get(platform, "os"));
		const char *arch = value_str(value_get(platform, "architecture"));

		if (is_attestation(d))
			continue;
		if (!runs(r, os, arch))
			note_other(r, os, arch, value_str(value_get(platform, "variant")));
		else if (!best || (arch && strcmp(arch, r->architecture) == 0 &&
				   strcmp(value_str_or(value_path(best, "platform", "architecture"), ""),
					  r->architecture) != 0))
			best = d;
	}
	return best;
}

/* Walks an index: each entry of the one at the top is an image, each further one stands for one image. */
static int take_index(struct reader *r, const char *where, const struct value *doc, const char *ref,
		      const struct trail *trail, int depth)
{
	const struct value *entries = value_get(doc, "manifests"), *best;

	if (depth > INDEX_DEPTH_MAX)
		return error_set(r->err, -EINVAL, "%s: indexes are nested more than %d deep", where, INDEX_DEPTH_MAX);
	if (depth > 0) {
		best = best_entry(r, entries);
		return best ? take_entry(r, where, best, ref ? ref : name_of(best), trail, depth) : 0;
	}
	for (size_t i = 0; i < value_len(entries); i++) {
		const struct value *d = value_at(entries, i), *platform = value_get(d, "platform");
		const char *os = value_str(value_get(platform, "os"));
		const char *arch = value_str(value_get(platform, "architecture"));
		int rc;

		if (is_attestation(d))
			continue;
		if (!runs(r, os, arch)) {
			note_other(r, os, arch, value_str(value_get(platform, "variant")));
			continue;
		}
		rc = take_entry(r, where, d, name_of(d), trail, depth);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int take_docker_layers(struct reader *r, const struct value *layers, struct manifest_image *image)
{
	for (size_t i = 0; i < image->n_layers; i++) {
		const struct value *v = value_at(layers, i);

		if (!value_str(v) || strlen(value_str(v)) != value_len(v))
			return error_set(r->err, -EINVAL, "manifest.json: Layers[%zu] is not a string", i);
		image->layers[i].blob = value_str(v);
	}
	return 0;
}

/* A config is named after its digest: HEX.json or blobs/sha256/HEX. A name of another form promises nothing. */
static int check_config_name(struct reader *r, const char *name, const char *digest)
{
	const char *base = strrchr(name, '/');
	const char *hex = digest + strlen("sha256:");

	base = base ? base + 1 : name;
	if (strspn(base, "0123456789abcdef") != 64 || (base[64] && strcmp(base + 64, ".json") != 0))
		return 0;
	if (memcmp(base, hex, 64) == 0)
		return 0;
	return error_set(r->err, -EINVAL, "%s does not have its digest: it is %s", name, digest);
}

static int take_docker_image(struct reader *r, const struct value *d)
{
	const char *name = value_str(value_get(d, "Config"));
	const struct value *layers = value_get(d, "Layers"), *tags = value_get(d, "RepoTags");
	struct manifest_image *image = NULL;
	char digest[DIGEST_SIZE];
	struct value *config = NULL;
	int rc;

	if (!name || strlen(name) != value_len(value_get(d, "Config")))
		return error_set(r->err, -EINVAL, "manifest.json: Config is missing");
	rc = new_image(r, &image);
	if (rc < 0)
		return rc;
	rc = read_document(r, name, NULL, -1, &config, digest);
	if (rc < 0)
		return rc;
	rc = check_config_name(r, name, digest);
	if (rc < 0)
		return rc;
	rc = take_config(r, name, config, layers, image);
	if (rc)
		return rc < 0 ? rc : 0;
	rc = take_docker_layers(r, layers, image);
	if (rc < 0)
		return rc;
	image->id = image->digest = arena_strdup(r->arena, digest);
	if (!image->id)
		return error_set(r->err, -ENOMEM, "out of memory");
	add_digest(r, image->digests, image->id);
	for (size_t i = 0; i < value_len(tags); i++) {
		rc = add_name(r, image->names, value_str_or(value_at(tags, i), ""), "manifest.json: RepoTags");
		if (rc < 0)
			return rc;
	}
	keep_image(r, image);
	return 0;
}

static int take_docker_archive(struct reader *r, const struct value *doc)
{
	if (value_type(doc) != VALUE_LIST)
		return error_set(r->err, -EINVAL, "manifest.json is not a list");
	for (size_t i = 0; i < value_len(doc); i++) {
		int rc = take_docker_image(r, value_at(doc, i));

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* docker save of today writes an OCI layout whose manifest.json still has the tags: they are the names to go by, where
 * an index.json says no more than a tag. */
static int take_layout(struct reader *r, const struct value *index, const struct value *docker)
{
	int rc;

	if (!is_index(index))
		return error_set(r->err, -EINVAL, "index.json has no list of manifests");
	rc = take_index(r, "index.json", index, NULL, NULL, 0);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < value_len(docker); i++) {
		const struct value *d = value_at(docker, i), *tags = value_get(d, "RepoTags");
		const char *name = value_str_or(value_get(d, "Config"), "");
		const char *base = strrchr(name, '/');

		base = base ? base + 1 : name;
		for (size_t k = 0; k < r->n; k++) {
			if (strncmp(r->images[k].id + strlen("sha256:"), base, 64) != 0 || !value_len(tags))
				continue;
			r->images[k].names = value_new_list(r->arena);
			for (size_t t = 0; t < value_len(tags); t++) {
				rc = add_name(r, r->images[k].names, value_str_or(value_at(tags, t), ""),
					      "manifest.json: RepoTags");
				if (rc < 0)
					return rc;
			}
		}
	}
	return 0;
}

static int read_archive(struct reader *r)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	struct error *err = r->err;
	struct value *index = NULL, *docker = NULL;
	char digest[DIGEST_SIZE];
	int rc;

	rc = read_document(r, "index.json", NULL, -1, &index, digest);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (rc == -ENOENT) {
		rc = read_document(r, "manifest.json", NULL, -1, &docker, digest);
		if (rc == -ENOENT)
			return error_set(err, -EINVAL, "not a container image: it holds neither index.json (OCI layout) "
					 "nor manifest.json (docker archive)");
		return rc < 0 ? rc : take_docker_archive(r, docker);
	}
	r->err = &ignored;
	if (read_document(r, "manifest.json", NULL, -1, &docker, digest) < 0)
		docker = NULL; /* ignoring: an OCI layout needs none */
	r->err = err;
	return take_layout(r, index, docker);
}

static void reader_clear(struct reader *r)
{
	buf_clear(&r->others);
}

int manifest_read(manifest_read_fn *read, void *user, const char *architecture, const char *name, struct arena *a,
		  struct manifest_image **ret, size_t *ret_n, struct error *err)
{
	_cleanup_(reader_clear) struct reader r = { .read = read, .user = user, .architecture = architecture, .name = name,
						    .arena = a, .others = BUF_INIT, .err = err };
	int rc;

	r.images = arena_alloc(a, (MANIFEST_IMAGES_MAX + 1) * sizeof(*r.images));
	if (!r.images)
		return error_set(err, -ENOMEM, "out of memory");
	rc = read_archive(&r);
	if (rc < 0)
		return rc;
	if (arena_failed(a))
		return error_set(err, -ENOMEM, "out of memory for the archive's manifests");
	if (!r.n && r.others.len)
		return error_set(err, -EINVAL, "no image for linux/%s in the archive; it has %s", architecture,
				 buf_str(&r.others));
	if (!r.n)
		return error_set(err, -EINVAL, "the archive holds no image");
	if (name) {
		if (r.n != 1)
			return error_set(err, -EINVAL, "the archive holds %zu images; only one can be named %s", r.n, name);
		r.images[0].names = value_new_list(a);
		rc = add_name(&r, r.images[0].names, name, "the name");
		if (rc < 0)
			return rc;
	}
	*ret = r.images;
	*ret_n = r.n;
	return 0;
}

int manifest_choose(const char *text, size_t len, const char *architecture, struct manifest_choice *ret, struct error *err)
{
	static const struct yaml_limits limits = { .max_bytes = MANIFEST_MAX_BYTES, .max_nodes = 200000 };
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_(reader_clear) struct reader r = { .architecture = architecture, .arena = a, .others = BUF_INIT, .err = err };
	struct manifest_choice choice = { .is_index = false };
	const struct value *layers, *best;
	const char *blob, *digest;
	struct value *doc = NULL;
	int64_t size = 0;
	int rc = json_read(text, len, &limits, a, &doc, err, NULL);

	if (rc < 0)
		return error_wrap(err, "the manifest"), rc;
	choice.is_index = is_index(doc);
	if (choice.is_index) {
		best = best_entry(&r, value_get(doc, "manifests"));
		if (!best)
			return error_set(err, -EINVAL, "no image for linux/%s in the registry; it has %s", architecture,
					 r.others.len ? buf_str(&r.others) : "none");
		rc = descriptor(&r, best, "the index", &blob, &digest, &size);
		if (rc < 0)
			return rc;
		(void)snprintf(choice.digest, sizeof(choice.digest), "%s", digest);
	}
	layers = value_get(doc, "layers");
	for (size_t i = 0; i < value_len(layers); i++) {
		size = value_int(value_get(value_at(layers, i), "size"), 0);
		choice.bytes += size > 0 ? (uint64_t)size : 0;
	}
	*ret = choice;
	return 0;
}
