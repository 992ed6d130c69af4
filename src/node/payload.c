/* SPDX-License-Identifier: Apache-2.0 */
#include "node/payload.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "node/token.h"

enum { DEFAULT_MODE = 0644, MODE_MASK = 0777 };

bool payload_is_for(const struct value *volume)
{
	return value_get(volume, "configMap") || value_get(volume, "secret") || value_get(volume, "downwardAPI") ||
	       value_get(volume, "projected");
}

/* A payload in the making. */
struct build {
	struct arena *a;
	const struct sources *s;
	const char *dir; /* see payload_build() */
	struct payload out;
	size_t max;
	struct error *err;
};

static int add_file(struct build *b, struct payload_file f)
{
	if (!f.path || !f.data)
		return -ENOMEM;
	for (size_t i = 0; i < b->out.n; i++)
		if (!strcmp(b->out.files[i].path, f.path)) {
			b->out.files[i] = f;
			return 0;
		}
	if (b->out.n == b->max) {
		size_t bigger = b->max ? b->max * 2 : 8;
		struct payload_file *files = arena_alloc(b->a, bigger * sizeof(*files));

		if (!files)
			return -ENOMEM;
		if (b->out.n)
			memcpy(files, b->out.files, b->out.n * sizeof(*files));
		b->out.files = files;
		b->max = bigger;
	}
	b->out.files[b->out.n++] = f;
	return 0;
}

static int add(struct build *b, const char *path, const char *data, size_t len, mode_t mode)
{
	return add_file(b, (struct payload_file){ .path = path, .data = data, .len = len, .mode = mode });
}

static mode_t mode_of(const struct value *item, mode_t fallback)
{
	return (mode_t)value_int(value_get(item, "mode"), fallback) & MODE_MASK;
}

/* A ConfigMap's or Secret's keys: all of them, or those that `items` names. */
static int add_object(struct build *b, enum source_kind kind, const struct value *source, const char *name, mode_t mode)
{
	const struct value *items = value_get(source, "items");
	bool optional = value_bool(value_get(source, "optional"), false);
	struct source_data data;
	int r = source_read(b->a, b->s, kind, name, &data, b->err);

	if (r == -ENOENT && optional) {
		error_clear(b->err);
		return 0;
	}
	for (size_t i = 0; i < data.n && !items && r == 0; i++)
		r = add(b, data.entries[i].key, data.entries[i].data, data.entries[i].len, mode);
	for (size_t i = 0; i < value_len(items) && r == 0; i++) {
		const struct value *item = value_at(items, i);
		const char *key = value_str_or(value_get(item, "key"), "");
		const struct source_entry *e = source_entry(&data, key);

		if (e)
			r = add(b, value_str_or(value_get(item, "path"), key), e->data, e->len, mode_of(item, mode));
		else if (!optional)
			r = error_set(b->err, -ENOENT, "references non-existent %s key: %s",
				      kind == SOURCE_SECRET ? "secret" : "config", key);
	}
	return r;
}

static int add_downward(struct build *b, const struct value *source, mode_t mode)
{
	const struct value *items = value_get(source, "items");
	int r = 0;

	for (size_t i = 0; i < value_len(items) && r == 0; i++) {
		const struct value *item = value_at(items, i), *field = value_get(item, "fieldRef");
		const char *text = NULL;

		r = field ? source_field(b->a, b->s, value_str_or(value_get(field, "fieldPath"), ""), &text, b->err) :
			    source_resource(b->a, b->s, value_get(item, "resourceFieldRef"), NULL, &text, b->err);
		if (r == 0)
			r = add(b, value_str_or(value_get(item, "path"), ""), text, strlen(text), mode_of(item, mode));
	}
	return r;
}

/* --- tokens --- */

int64_t payload_issued(const char *dir, const char *path)
{
	_cleanup_free_ char *full = NULL;
	struct stat st;

	if (asprintf(&full, "%s/..data/%s", dir, path) < 0) {
		full = NULL;
		return 0;
	}
	return stat(full, &st) < 0 || !S_ISREG(st.st_mode) ? 0 : st.st_mtime;
}

/* The user of all its containers; -1: they have not one, or none that is known. K8S:pkg/volume/util, FsUserFrom. */
static int64_t user_of(const struct object *pod)
{
	static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };
	const struct value *of_pod = object_path(pod, "spec", "securityContext", "runAsUser");
	int64_t user = -1;

	for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
		const struct value *list = object_path(pod, "spec", lists[k]);

		for (size_t i = 0; i < value_len(list); i++) {
			const struct value *own = value_path(value_at(list, i), "securityContext", "runAsUser");
			int64_t u = value_int(own ? own : of_pod, -1);

			if (u < 0 || (user >= 0 && u != user))
				return -1;
			user = u;
		}
	}
	return user;
}

static struct token_ref ref_to(const struct object *o, const char *name)
{
	return (struct token_ref){ name, o ? object_uid(o) : "" };
}

/* The account "default" comes by itself: until it does, its token is without a uid. */
static int add_token(struct build *b, const char *path, const char *audience, int64_t lifetime, mode_t mode)
{
	const struct sources *s = b->s;
	const char *ns = object_namespace(s->pod), *node_name = value_str(object_path(s->pod, "spec", "nodeName"));
	const char *name = value_str_or(object_path(s->pod, "spec", "serviceAccountName"), "default");
	_cleanup_object_ struct object *account = s->find(s->arg, "serviceaccounts", ns, name);
	_cleanup_object_ struct object *node = node_name ? s->find(s->arg, "nodes", "", node_name) : NULL;
	int64_t now = s->now / NSEC_PER_SEC, user = user_of(s->pod);
	struct token t = { .audience = audience, .namespace = ns, .account = ref_to(account, name),
			   .pod = ref_to(s->pod, object_name(s->pod)), .node = ref_to(node, node_name), .lifetime = lifetime };
	const char *text;

	if (!account && strcmp(name, "default") != 0)
		return error_set(b->err, -ENOENT, "failed to fetch token: serviceaccounts \"%s\" not found", name);
	t.issued = b->dir ? payload_issued(b->dir, path) : 0;
	if (t.issued > now || s->now >= token_renew_at(t.issued, lifetime, object_uid(s->pod)))
		t.issued = now;
	text = token_format(b->a, &t);
	if (!text)
		return -ENOMEM;
	if (user >= 0 || object_path(s->pod, "spec", "securityContext", "fsGroup"))
		mode = 0600; /* and the group's, by payload_write() */
	return add_file(b, (struct payload_file){ .path = path, .data = text, .len = strlen(text), .mode = mode,
						  .owner = user > 0 ? (uid_t)user : 0, .issued = t.issued });
}

/* Of a projected volume. */
static int add_token_source(struct build *b, const struct value *source, mode_t mode)
{
	return add_token(b, value_str_or(value_get(source, "path"), "token"), value_str(value_get(source, "audience")),
			 value_int(value_get(source, "expirationSeconds"), TOKEN_LIFETIME), mode);
}

static int add_projected(struct build *b, const struct value *source, mode_t mode)
{
	const struct value *v;

	if ((v = value_get(source, "configMap")))
		return add_object(b, SOURCE_CONFIG_MAP, v, value_str_or(value_get(v, "name"), ""), mode);
	if ((v = value_get(source, "secret")))
		return add_object(b, SOURCE_SECRET, v, value_str_or(value_get(v, "name"), ""), mode);
	if ((v = value_get(source, "downwardAPI")))
		return add_downward(b, v, mode);
	if ((v = value_get(source, "serviceAccountToken")))
		return add_token_source(b, v, mode);
	return error_set(b->err, -EOPNOTSUPP, "projected %s is not supported by this version",
			 value_key_at(source, 0) ? value_key_at(source, 0) : "source");
}

int payload_build(struct arena *a, const struct sources *s, const struct value *volume, const char *dir,
		  struct payload *ret, struct error *err)
{
	struct build b = { .a = a, .s = s, .dir = dir, .err = err };
	const struct value *v = NULL, *list;
	mode_t mode;
	int r = 0;

	for (size_t i = 0; i < value_len(volume) && !v; i++)
		if (strcmp(value_key_at(volume, i), "name") != 0)
			v = value_at(volume, i);
	mode = (mode_t)value_int(value_get(v, "defaultMode"), DEFAULT_MODE) & MODE_MASK;
	if (value_get(volume, "configMap"))
		r = add_object(&b, SOURCE_CONFIG_MAP, v, value_str_or(value_get(v, "name"), ""), mode);
	else if (value_get(volume, "secret"))
		r = add_object(&b, SOURCE_SECRET, v, value_str_or(value_get(v, "secretName"), ""), mode);
	else if (value_get(volume, "downwardAPI"))
		r = add_downward(&b, v, mode);
	list = value_get(value_get(volume, "projected"), "sources");
	for (size_t i = 0; i < value_len(list) && r == 0; i++)
		r = add_projected(&b, value_at(list, i), mode);
	if (r == 0)
		*ret = b.out;
	return r;
}

/* K8S:plugin/pkg/admission/serviceaccount, TokenVolumeSource. */
int payload_build_account(struct arena *a, const struct sources *s, const char *dir, struct payload *ret,
			  struct error *err)
{
	struct build b = { .a = a, .s = s, .dir = dir, .err = err };
	const struct source_entry *ca = NULL;
	struct source_data data = { 0 };
	int r = add_token(&b, "token", NULL, TOKEN_LIFETIME_MOUNTED, DEFAULT_MODE);

	if (r < 0)
		return r;
	r = source_read(a, s, SOURCE_CONFIG_MAP, PAYLOAD_ROOT_CA, &data, err);
	if (r == 0)
		ca = source_entry(&data, "ca.crt");
	else if (r != -ENOENT)
		return r;
	error_clear(err);
	r = add(&b, "ca.crt", ca ? ca->data : "", ca ? ca->len : 0, DEFAULT_MODE);
	if (r == 0)
		r = add(&b, "namespace", object_namespace(s->pod), strlen(object_namespace(s->pod)), DEFAULT_MODE);
	if (r == 0)
		*ret = b.out;
	return r;
}
