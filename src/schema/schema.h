/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every kind is, written once as tables: fields, types, defaults, limits, merge keys, what may change.
 * Validation, defaulting, the field files, three-way merge and the reference manual all come from them.
 *
 * Everything here is pure: no I/O, no clock, no global state but constant tables and the list of custom kinds
 * (schema/custom.h). Any thread may call it.
 */
#ifndef PODFS_SCHEMA_SCHEMA_H
#define PODFS_SCHEMA_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/diag.h"
#include "value/value.h"

/* The form of a type, which decides how it is read, checked and shown as a file. */
enum schema_form {
	SCHEMA_STRUCT,	      /* named fields */
	SCHEMA_MAP,	      /* free keys, one element type */
	SCHEMA_LIST,	      /* items of one element type */
	SCHEMA_STRING,
	SCHEMA_BOOL,
	SCHEMA_INT32,
	SCHEMA_INT64,
	SCHEMA_FLOAT,
	SCHEMA_QUANTITY,      /* kept as the string (or number) that was written, as Kubernetes answers it */
	SCHEMA_INT_OR_STRING,
	SCHEMA_TIME,	      /* metav1.Time */
	SCHEMA_MICRO_TIME,
	SCHEMA_BYTES,	      /* base64 text */
	SCHEMA_ANY,	      /* kept whole, unchecked (runtime.RawExtension, managedFields) */
};

struct schema_type; /* opaque to the floors above; schema/table.h has its layout for the tables */

struct schema_kind {
	const char *kind;	/* "Deployment" */
	const char *plural;	/* "deployments", its directory */
	const char *singular;	/* "deployment" */
	const char *const *short_names; /* NULL-terminated: "deploy" */
	const char *group;	/* "apps", "" for core */
	const char *api_version; /* "apps/v1": the one stored */
	bool namespaced;
	bool has_status;	/* status is written by the system alone */
	bool has_generation;	/* metadata.generation counts changes of spec */
	bool acted_on;		/* a controller or the node agent acts on it; else one warning says that nothing does */
	bool has_directory;	/* false for Event */
	bool is_custom;		/* of a CustomResourceDefinition: schema/custom.h */
	const struct schema_type *type;
};

/* --- finding kinds --- */

/* All kinds, custom ones too, sorted by plural; the list is good for ever, and does not change. */
const struct schema_kind *const *schema_kinds(size_t *ret_n);
/* By its directory's name, or NULL. */
const struct schema_kind *schema_kind_by_plural(const char *plural);
/* By apiVersion and kind, any apiVersion that Kubernetes ever served with the same meaning; NULL if unknown. */
const struct schema_kind *schema_kind_find(const char *api_version, const char *kind);

/* --- documents --- */

/*
 * Takes one parsed document through what the API server does before storage: finds its kind (converting an old
 * apiVersion in place, with a warning), checks it strictly against the table (unknown fields with did-you-mean,
 * types, required fields), fills in Kubernetes' defaults in place, drops nulls, and checks values and the rules
 * across fields. Warns for fields that are accepted but not acted on. `root` is changed in place with memory of `a`.
 * What users may not write (status, uid, resourceVersion, …) is dropped or refused as the API server does on create.
 * Returns 0 and the kind, or the code of the first error (all are in `diags`).
 */
int schema_admit(struct value *root, struct arena *a, struct diag_list *diags, const struct schema_kind **ret_kind);

/*
 * The checks of an update: immutable fields, and what Kubernetes allows to change on this kind (a Pod's image,
 * tolerations, …). Both are admitted objects. -EPERM when an immutable field changed (see diags), -EINVAL otherwise.
 */
int schema_admit_update(const struct schema_kind *kind, const struct value *old, const struct value *new_root,
			struct diag_list *diags);

/*
 * Before schema_admit() of what an object is to become: takes away what belonged to a field that has changed (a
 * Service's node ports with its type) and puts back what was allocated and may be left out, as the API server does.
 */
void schema_prepare_update(const struct schema_kind *kind, const struct value *old, struct value *root,
			   struct arena *a, struct diag_list *diags);
/*
 * Brings a document of an old apiVersion whose fields were others to the current form, without a judgement and without
 * defaults: to be compared and merged with documents and objects of today. Others stay as they are.
 */
void schema_reshape(struct value *root, struct arena *a);
/*
 * What a new object of an admitted document gets once its name and uid are settled (a Job's selector). Errors of what
 * cannot be known before go to diags. 0, or the code of the first of them.
 */
int schema_finish_create(const struct schema_kind *kind, struct value *root, struct arena *a, struct diag_list *diags);
/* What a changed object counts of its old state, whatever was written (a DaemonSet's template generation). */
void schema_finish_update(const struct schema_kind *kind, const struct value *old, struct value *root, struct arena *a);

/* The file name rule of a kind's objects: 0, or -EINVAL with the reason in diags (path "metadata.name"). */
int schema_check_name(const struct schema_kind *kind, const char *name, struct diag_list *diags);

/* --- walking types: for field files, merge and the manual --- */

enum schema_form schema_form(const struct schema_type *t);
/* "string", "integer", "Quantity", … for messages. */
const char *schema_form_name(const struct schema_type *t);
/* The type of a struct's field, or of any key of a map; NULL if there is none. */
const struct schema_type *schema_member(const struct schema_type *t, const char *key);
/* The type of a list's items. */
const struct schema_type *schema_item(const struct schema_type *t);
/* A struct's i-th field's name, NULL past the end. */
const char *schema_field_name(const struct schema_type *t, size_t i);
/* Server-side apply's list-map keys of a list ("containerPort", "protocol"), NULL-terminated; NULL: atomic or set.
 * Patch merge keys are used where Kubernetes' strategic merge has one and server-side apply has none. */
const char *const *schema_list_keys(const struct schema_type *t);
/* A list whose items are a set of scalars (finalizers). */
bool schema_list_is_set(const struct schema_type *t);
/* A struct that has what a manifest states of it and nothing else, once that changes (value/merge.h): a Deployment's strategy
 * and a pod's volume, as in Kubernetes, and the strategies of the other workloads, where kubectl apply is refused. */
bool schema_retains_keys(const struct schema_type *t);
/* Whether users may write the field of that struct: false below status and for system metadata. */
bool schema_field_writable(const struct schema_type *t, const char *key);
/* Whether a change of that field is refused on an existing object (for early, precise EPERM at write(2)). */
bool schema_field_immutable(const struct schema_type *t, const char *key);
/* Whether podfs acts on the field; false gives the warning and the manual's mark. */
bool schema_field_acted_on(const struct schema_type *t, const char *key);
/* Free text: no enumeration and no grammar but "string" (annotations, env values, args): commits at close, others at
 * write(2). filesystem.md, "Changing live state". */
bool schema_is_free_text(const struct schema_type *t);

/*
 * Reads what was written into a field file ("5", "true", "250m", "nginx:1.16") into a value of the type, without
 * YAML typing: a string field takes the bytes as they are, less one final newline. -EINVAL with the reason in diags
 * ("Invalid value: \"three\": must be an integer"). Only scalar forms; -EISDIR for others.
 */
int schema_parse_scalar(const struct schema_type *t, const char *text, size_t len, struct arena *a,
			struct diag_list *diags, struct value **ret);

#endif
